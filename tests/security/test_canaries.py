"""Secrets in the environment, in options and in exceptions are in no file and no output of a sweep."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console

import seatbelt.training.fit
from runners.cli import main
from runners.core.plan import Limits
from runners.session.driver import Driver
from runners.session.progress import Progress
from runners.sweep.folder import SweepFolder
from seatbelt.records.sweep import SweepFactor
from tests.conftest import MakeData
from tests.runners.conftest import describe

VARIABLES = {
    "HF_TOKEN": "canary-of-a-token",
    "AWS_SECRET_ACCESS_KEY": "canary/of+a/key",
    "DB_PASSWORD": "canary of a password",
}
IN_URL = "canary-in-a-url"
IN_SIGNATURE = "canary-in-a-signature"
CANARIES = (*VARIABLES.values(), IN_URL, IN_SIGNATURE)
TOLD = f"cannot open s3://me:{IN_URL}@bucket/x?X-Amz-Signature={IN_SIGNATURE} with {' and '.join(VARIABLES.values())}"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


def command(data: Path, out: Path, *more: str) -> list[str]:
    return [
        *("seatbelt", "sweep", "architecture", "--data", str(data), "--out", str(out), "--engine", "in-process"),
        *(
            "--set",
            "encoder=lite0",
            "--set",
            "decoder=fpn,linknet",
            "--fix",
            "weights=none",
            "--max-epochs",
            "1",
            *more,
        ),
    ]


def run(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> int:
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def contents(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield all files as text, tables also as their values."""
    for path in folder.rglob("*"):
        yield f"name of {path}", str(path.relative_to(folder))
        if path.is_file():
            yield str(path), path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            yield f"values of {path}", str(pq.read_table(path).to_pylist())


def found(folder: Path, shown: str) -> list[str]:
    texts = [*contents(folder), ("output", shown)]
    return [f"{canary} in {where}" for where, text in texts for canary in CANARIES if canary in text]


@pytest.mark.slow
def test_no_canary_is_in_a_sweep(
    make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = seatbelt.training.fit.fit

    def fit(config: Any, samples: Any, checkpoints: Any, **more: Any) -> Any:
        checkpoints._report(TOLD)
        if config.model.decoder == "linknet":
            raise RuntimeError(TOLD)
        return whole(config, samples, checkpoints, **more)

    monkeypatch.setattr(seatbelt.training.fit, "fit", fit)
    address = f"ray://me:{IN_URL}@{VARIABLES['HF_TOKEN']}:1?sig={IN_SIGNATURE}"
    arguments = command(make_data(), tmp_path / "sweeps", "--tensorboard", "--address", address)
    assert run(monkeypatch, arguments) == 0
    folder = tmp_path / "sweeps" / "architecture"
    monkeypatch.setattr(seatbelt.training.fit, "fit", whole)
    for more in (["status", str(folder)], ["best", str(folder)], ["query", str(folder), "select error from trials"]):
        assert run(monkeypatch, ["seatbelt", *more]) == 0
    shown = capsys.readouterr()
    assert found(folder, shown.out + shown.err) == []
    told = SweepFolder(folder).describe()
    assert "ray://***@***:1?sig=***" in told.command
    trials = pq.read_table(folder / "trials").to_pylist()
    assert sorted(row["status"] for row in trials) == ["COMPLETE", "FAILED"]
    assert any("s3://***@bucket/x?X-Amz-Signature=*** with *** and ***" in (row["error"] or "") for row in trials)
    assert "warning: cannot open s3://***@bucket" in shown.err
    assert list((folder / "tensorboard").rglob("events*"))


@pytest.mark.parametrize("secret", [VARIABLES["HF_TOKEN"], f"https:/me:{IN_URL}@host", f"x?sig={IN_SIGNATURE}"])
def test_a_secret_that_a_sweep_could_not_mask_is_refused(
    make_data: MakeData,
    tmp_path: Path,
    secret: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = make_data()
    (tmp_path / secret).mkdir(parents=True)
    secret_data = tmp_path / secret / "data"
    data.rename(secret_data)
    assert run(monkeypatch, command(secret_data, tmp_path / "sweeps")) == 2
    shown = capsys.readouterr()
    assert "holds a secret that the sweep would record" in shown.err
    assert len([line for line in shown.err.splitlines() if line.startswith("error: ")]) == 1
    assert found(tmp_path / "sweeps", shown.out + shown.err) == []


@pytest.mark.parametrize(
    "option",
    [
        ["--data", f"https://me:{IN_URL}@host/x"],
        ["--weights-folder", f"s3://me:{IN_URL}@bucket/{VARIABLES['HF_TOKEN']}"],
        ["--fix", f"weights=file:https://h/x?sig={IN_SIGNATURE}"],
        ["--stages", f"/proc/{VARIABLES['HF_TOKEN']}"],
    ],
)
def test_a_mistake_is_told_without_its_secrets(
    make_data: MakeData,
    tmp_path: Path,
    option: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, command(make_data(), tmp_path / "sweeps", *option)) == 2
    shown = capsys.readouterr()
    assert "***" in shown.err
    assert found(tmp_path / "sweeps", shown.out + shown.err) == []


def test_an_exception_that_nobody_expected_is_told_without_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(TOLD)

    monkeypatch.setattr("runners.commands.status.status_text", fail)
    assert run(monkeypatch, ["seatbelt", "status", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert "RuntimeError: cannot open s3://***@bucket" in shown.err
    assert found(tmp_path, shown.out + shown.err) == []


def test_levels_are_no_markup_and_steer_no_terminal(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path / "sweep")
    odd = f"\x1b[2J{IN_URL}?sig={IN_SIGNATURE}"
    levels = {"file:[/x].pth": {"model.decoder": "fpn"}, odd: {"model.decoder": "unet"}}
    folder.create(describe().model_copy(update={"factors": (SweepFactor(name="w", levels=levels),)}))
    stream = io.StringIO()
    progress = Progress(stream)
    with Driver.open(folder, folder.describe(), Limits(), progress) as driver:
        driver.next()
        driver.next()
        Console(file=stream, width=200).print(progress._table(driver.history))
        progress.warn(f"\x1b[2J{TOLD}\r")
    text = stream.getvalue()
    assert "file:[/x].pth" in text
    assert r"warning: \x1b[2Jcannot open s3://***@bucket" in text
    assert text.replace("\n", "").isprintable()
