"""`seatbelt report` and `figures` write the requested files, or end with one clear line."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from runners.commands import report
from runners.commands.report import watch_report
from tests.analysis.conftest import write_sweep
from tests.analysis.numbers import DESCRIPTION, small_tables
from tests.command_line import answer, mistake


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "sweeps" / "one", description=DESCRIPTION | {"rungs": [2]}, **small_tables())


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "sweeps" / "two", description=DESCRIPTION | {"rungs": [2]}, **small_tables())


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_the_report_lies_in_its_sweep(sweep: Path) -> None:
    assert answer("report", str(sweep)).strip() == str(sweep / "report" / "report.html")
    assert (sweep / "report" / "report.html").read_text().startswith("<!doctype html>")
    answer("report", str(sweep), "--format", "md")
    answer("report", str(sweep), "--format", "pdf")
    names = files(sweep / "report")
    assert {"report.html", "report.md", "report.pdf"} < set(names)
    text = (sweep / "report" / "report.md").read_text()
    pictures = [name for name in names if name.startswith("report-figures/")]
    assert pictures and all(f"(<{name}>)" in text for name in pictures)
    # Each report showed test scores; the next driver records that.
    assert len(list((sweep / "state" / "test-read").iterdir())) == 3


@pytest.mark.slow
def test_a_report_on_several_sweeps_goes_to_the_named_file(sweep: Path, other: Path) -> None:
    out = sweep.parent / "all.html"
    answer("report", str(sweep), str(other), "--out", str(out))
    assert "Common ranking" in out.read_text()
    assert not (sweep / "report").exists()


@pytest.mark.slow
def test_figures(sweep: Path, other: Path, tmp_path: Path) -> None:
    paths = answer("figures", str(sweep)).split()
    assert paths == [str(sweep / "report" / "figures" / f"{name}.png") for name in NAMES]
    answer("figures", str(sweep), "--only", "curves", "--format", "csv", "--out", str(tmp_path / "csv"))
    assert files(tmp_path / "csv") == ["curves.csv"]
    assert (tmp_path / "csv" / "curves.csv").read_text().startswith("trial_key,status,epoch,selection_iou\n")
    answer("figures", str(sweep), "--factors", "decoder,encoder", "--format", "svg", "--out", str(tmp_path / "svg"))
    assert files(tmp_path / "svg") == ["heat_map.svg"]
    answer("figures", str(sweep), str(other), "--only", "progress", "--format", "pdf", "--out", str(tmp_path / "two"))
    assert files(tmp_path / "two") == ["one/progress.pdf", "two/progress.pdf"]


NAMES = ["architecture", "distribution", "curves", "progress"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "{0}", "{1}"], "a report on several sweeps lies in none of them; name its file: --out"),
        (["report", "{0}", "--out", "{0}"], "is a folder; give the name of a file"),
        (["report", "{0}", "--out", "{0}/none/x.html"], "there is no folder .*none; make it first"),
        (["report", "{0}", "--out", "/dev/null"], "is no regular file"),
        (["report", "{0}", "--format", "md", "--watch"], "--watch writes html, but got --format md"),
        (["report", "{0}", "{1}", "--watch"], "--watch takes one sweep"),
        (["report", "{0}/nowhere"], "is no sweep"),
        (["figures", "{0}", "--only", "curve"], "--only curve is no figure; these are: architecture, "),
        (
            ["figures", "{0}", "--only", "labels"],
            "the figure labels needs a sweep of the study labels: no factor context",
        ),
        (["figures", "{0}", "--factors", "encoder"], "--factors takes two factors, ROWS,COLUMNS, but got 1"),
        (["figures", "{0}", "--factors", "encoder,depth"], "'depth' is no factor with levels"),
        (["dashboard", "{0}/nowhere"], "is no sweep"),
    ],
)
def test_mistakes(arguments: list[str], message: str, sweep: Path, other: Path) -> None:
    import re

    assert re.search(message, mistake(*(text.format(sweep, other) for text in arguments)))


def test_damaged_tables_are_one_line(sweep: Path) -> None:
    (sweep / "epochs" / "00000.parquet").write_bytes(b"PAR1 damaged")
    for command in ("report", "figures"):
        assert "/epochs cannot be read" in mistake(command, str(sweep))


def test_a_sweep_that_links_elsewhere_is_not_written_to(
    sweep: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "mine").mkdir()
    (sweep / "report").symlink_to(tmp_path / "mine")
    for command in ("report", "figures"):
        assert "leads out of the sweep" in mistake(command, str(sweep))
    assert files(tmp_path / "mine") == []


@pytest.mark.slow
def test_watching_ends_with_the_driver(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = iter(["a driver", "a driver"])
    monkeypatch.setattr("runners.commands.report.holder", lambda folder: next(running, None))
    pages: list[str] = []
    monkeypatch.setattr(time, "sleep", lambda _: pages.append((sweep / "report/report.html").read_text()))
    lines: list[str] = []
    watch_report([str(sweep)], out=None, every=7, say=lines.append)
    assert len(pages) == 2
    assert all('<meta http-equiv="refresh" content="7">' in page for page in pages)
    assert 'http-equiv="refresh"' not in (sweep / "report/report.html").read_text()
    assert lines[0].endswith("is written every 7 s while the driver runs; Ctrl-C ends this")
    assert lines[1].endswith("no driver works on the sweep, so this is its last state")


@pytest.mark.slow
def test_a_report_of_a_sweep_that_is_being_written(sweep: Path, tmp_path: Path) -> None:
    """Readers see only complete files, so that a report may be written at any time."""
    source, stop = (sweep / "trials" / "00000.parquet").read_bytes(), threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            part = tmp_path / "part"
            part.write_bytes(source)
            part.replace(sweep / "trials" / "00000.parquet")
            time.sleep(0.001)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(3):
            report.write_report([str(sweep)], form="html", out=tmp_path / "report.html")
    finally:
        stop.set()
        writer.join()
    assert "Best configuration: decoder=unet" in (tmp_path / "report.html").read_text()
