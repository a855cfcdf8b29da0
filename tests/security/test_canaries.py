"""Secrets in the environment, in options and in exceptions are in no file and no output of a sweep."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from runners.core.plan import Limits
from runners.session.driver import Driver
from runners.session.progress import Progress
from runners.sweep_files.folder import SweepFolder
from seatbelt.records.sweep import SweepFactor
from seatbelt.training.fit import fit as whole
from tests.command_line import seatbelt
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
MESSAGE = (
    f"cannot open s3://me:{IN_URL}@bucket/x?X-Amz-Signature={IN_SIGNATURE} with {' and '.join(VARIABLES.values())}"
)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


def command(data: Path, out: Path, *more: str) -> list[str]:
    return [
        *("sweep", "architecture", "--data", str(data), "--out", str(out), "--engine", "in-process"),
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


def contents(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield all files as text, tables also as their values."""
    for path in folder.rglob("*"):
        yield f"name of {path}", str(path.relative_to(folder))
        if path.is_file():
            yield str(path), path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            yield f"values of {path}", str(pq.read_table(path).to_pylist())


def canary_places(folder: Path, output: str) -> list[str]:
    texts = [*contents(folder), ("output", output)]
    return [f"{canary} in {where}" for where, text in texts for canary in CANARIES if canary in text]


@pytest.mark.slow
def test_no_canary_is_in_a_sweep(make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(config: Any, samples: Any, checkpoints: Any, **more: Any) -> Any:
        checkpoints._report(MESSAGE)
        if config.model.decoder == "linknet":
            raise RuntimeError(MESSAGE)
        return whole(config, samples, checkpoints, **more)

    monkeypatch.setattr("runners.worker.leg.fit", fit)
    address = f"ray://me:{IN_URL}@{VARIABLES['HF_TOKEN']}:1?sig={IN_SIGNATURE}"
    arguments = command(make_data(), tmp_path / "sweeps", "--tensorboard", "--address", address)
    results = [seatbelt(*arguments)]
    folder = tmp_path / "sweeps" / "architecture"
    monkeypatch.setattr("runners.worker.leg.fit", whole)
    for more in (["status", str(folder)], ["best", str(folder)], ["query", str(folder), "select error from trials"]):
        results.append(seatbelt(*more))
    assert [result.code for result in results] == [0] * 4
    assert canary_places(folder, "".join(result.text for result in results)) == []
    description = SweepFolder(folder).describe()
    assert "ray://***@***:1?sig=***" in description.command
    trials = pq.read_table(folder / "trials").to_pylist()
    assert sorted(row["status"] for row in trials) == ["COMPLETE", "FAILED"]
    assert any("s3://***@bucket/x?X-Amz-Signature=*** with *** and ***" in (row["error"] or "") for row in trials)
    assert "warning: cannot open s3://***@bucket" in results[0].err
    assert list((folder / "tensorboard").rglob("events*"))


@pytest.mark.parametrize("secret", [VARIABLES["HF_TOKEN"], f"https:/me:{IN_URL}@host", f"x?sig={IN_SIGNATURE}"])
def test_a_secret_that_a_sweep_could_not_mask_is_refused(make_data: MakeData, tmp_path: Path, secret: str) -> None:
    data = make_data()
    (tmp_path / secret).mkdir(parents=True)
    secret_data = tmp_path / secret / "data"
    data.rename(secret_data)
    output = seatbelt(*command(secret_data, tmp_path / "sweeps"))
    assert output.code == 2
    assert "holds a secret that the sweep would record" in output.err
    assert len([line for line in output.err.splitlines() if line.startswith("error: ")]) == 1
    assert canary_places(tmp_path / "sweeps", output.text) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "option",
    [
        ["--data", f"https://me:{IN_URL}@host/x"],
        ["--weights-folder", f"s3://me:{IN_URL}@bucket/{VARIABLES['HF_TOKEN']}"],
        ["--fix", f"weights=file:https://h/x?sig={IN_SIGNATURE}"],
        ["--stages", f"/proc/{VARIABLES['HF_TOKEN']}"],
    ],
)
def test_the_message_of_a_mistake_has_no_secrets(
    make_data: MakeData, tmp_path: Path, option: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = seatbelt(*command(make_data(), tmp_path / "sweeps", *option))
    assert output.code == 2
    assert "***" in output.err
    assert canary_places(tmp_path / "sweeps", output.text) == []


def test_the_message_of_an_unexpected_exception_has_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(MESSAGE)

    monkeypatch.setattr("runners.commands.status.status_text", fail)
    output = seatbelt("status", str(tmp_path))
    assert output.code == 1
    assert "RuntimeError: cannot open s3://***@bucket" in output.err
    assert canary_places(tmp_path, output.text) == []


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
        Console(file=stream, width=200).print(progress._view(driver.history))
        progress.warn(f"\x1b[2J{MESSAGE}\r")
    text = stream.getvalue()
    assert "file:[/x].pth" in text
    assert r"warning: \x1b[2Jcannot open s3://***@bucket" in text
    assert text.replace("\n", "").isprintable()
