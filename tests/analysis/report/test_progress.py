"""The section on a sweep that has not finished: numbers that follow from tables by hand."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from analysis.figures.chart import NotApplicableError
from analysis.figures.running import running, running_table
from analysis.figures.sweep_data import SweepData
from analysis.report import build_report
from analysis.report.blocks import Meter, Picture, Table, Text
from analysis.report.sections.progress import Session, progress
from analysis.report.writers.html import html_report
from analysis.report.writers.markdown import markdown_report
from tests.analysis.conftest import MakeSweep
from tests.analysis.numbers import DESCRIPTION, arm_trial, second

NOW = second(100)


def session(**changes: Any) -> Session:
    values = {"driver": "process 7 on host", "started": second(0).timestamp(), "most_trials": 4, "most_epochs": 12}
    return Session(**(values | changes))


def tables() -> dict[str, Any]:
    """Of four trials one is complete, one runs, one failed and one waits; 6 epochs in 100 s."""
    trials = [
        arm_trial("aa", "resnet18", "fpn", 0, 0.5, number=0, epochs_done=3, ended_at=second(40)),
        arm_trial("bb", "resnet18", "unet", 0, 0.4, number=1, epochs_done=2, epochs_planned=3, status="RUNNING"),
        arm_trial("cc", "resnet34", "fpn", 0, None, number=2, status="FAILED", error="no\nmemory", ended_at=second(50)),
        arm_trial("dd", "resnet34", "unet", 0, 0.1, number=3, epochs_done=1, status="PAUSED", ended_at=second(60)),
    ]
    epochs = [
        {"trial_key": key, "epoch": epoch, "selection_iou": score, "at": second(at)}
        for key, epoch, score, at in (
            ("aa", 1, 0.3, 10),
            ("aa", 2, 0.4, 20),
            ("aa", 3, 0.5, 30),
            ("bb", 1, 0.2, 70),
            ("bb", 2, 0.4, 80),
            ("dd", 1, 0.1, 55),
        )
    ]
    return {"description": DESCRIPTION, "trials": trials, "epochs": epochs}


@pytest.fixture
def data(make_sweep: MakeSweep) -> SweepData:
    return SweepData(make_sweep(**tables()))


def test_what_a_running_sweep_has_done_and_what_is_left(data: SweepData) -> None:
    section = progress(data, session(), NOW)
    assert section is not None
    (meter,) = [block for block in section.blocks if isinstance(block, Meter)]
    assert meter.share == 0.5
    assert meter.text == ("6 of about 12 epochs (50 %); 2 of 4 trials ended, 1 running, 1 waiting at a rung.")
    # Six epochs in 100 s, and six are left.
    assert [block.text for block in section.blocks if isinstance(block, Text)] == [
        "Process 7 on host runs it; at this pace about 2 min are left.",
        "Last event, 2026-03-01 12:01:20 UTC: [1] resnet18 unet, epoch 2, selection IoU 0.400.",
        "Without a result: 1 FAILED; the last is [2] resnet34 fpn: no memory",
    ]
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    assert table.rows == (("[1] resnet18 unet", 2, 3, 0.4),)
    (picture,) = [block for block in section.blocks if isinstance(block, Picture)]
    assert picture.figure.name == "running"


def test_a_sweep_without_a_driver_says_how_to_go_on(data: SweepData) -> None:
    section = progress(data, session(driver=None), NOW)
    assert section is not None
    assert f"Nobody runs it now; `seatbelt resume {data.sweep.root}` continues it." in [
        block.text for block in section.blocks if isinstance(block, Text)
    ]


def test_a_finished_sweep_has_no_progress(make_sweep: MakeSweep) -> None:
    decisions = [
        {"number": number, "kind": kind, "by": "end", "reason": ""}
        for number, kind in ((0, "proposal"), (1, "finish"), (2, "prune"))
    ]
    finished = SweepData(make_sweep(**tables(), decisions=decisions))
    assert progress(finished, session(driver=None), NOW) is None
    assert progress(finished, None, NOW) is None
    # A confirmation runs.
    assert progress(finished, session(), NOW) is not None


def test_the_curves_are_those_of_running_trials_and_leaders(data: SweepData, make_sweep: MakeSweep) -> None:
    table = running_table(data)
    assert table.drop_duplicates("trial")[["trial", "state"]].values.tolist() == [
        ["[0] resnet18 fpn", "leader"],
        ["[3] resnet34 unet", "leader"],
        ["[1] resnet18 unet", "running"],
    ]
    assert table["selection_iou"].tolist() == [0.3, 0.4, 0.5, 0.1, 0.2, 0.4]
    assert running(data).caption.startswith("Selection IoU after each epoch of 1 running trial (")
    ended = SweepData(make_sweep("ended", trials=tables()["trials"][:1]))
    with pytest.raises(NotApplicableError, match="needs a running trial"):
        running(ended)


def test_every_writer_shows_it_first(data: SweepData) -> None:
    report = build_report(data.sweep, NOW, {data.sweep.root: session()})
    assert [section.name for section in report.parts[0].sections][:2] == ["progress", "answer"]
    page = html_report(report)
    assert '<progress value="0.5" max="1"' in page
    assert page.index("6 of about 12 epochs (50 %)") < page.index(">Answer</h2>")
    text, figures = markdown_report(report, "figures")
    assert "**6 of about 12 epochs (50 %); 2 of 4 trials ended" in text
    assert "running.png" in figures
    plain = build_report(data.sweep, datetime.datetime.now(datetime.UTC))
    assert plain.parts[0].sections[0].name == "answer"
