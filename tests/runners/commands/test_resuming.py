"""Resumed sessions: their options, data that were moved, and the reason why a session ended."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from runners.commands.resume_checks import check_code, relocate
from runners.commands.status import status_text
from runners.core.plan import Limits
from runners.session.driver import Driver
from runners.session.options import RunOptions
from runners.session.previous import repeat_options, resume_command
from runners.session.progress import Progress
from runners.sweep_files import code_version
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from runners.sweep_files.unchanged_inputs import check_data_unchanged, check_weights_unchanged
from runners.worker.messages import LegTask
from seatbelt.data.datasets.dataset import fingerprint, read
from seatbelt.errors import UserError
from seatbelt.records.sweep import DataSource
from tests.conftest import MakeData
from tests.runners.conftest import describe, ended_message, open_driver
from tests.runners.session.test_driver import run_to_the_end


def test_a_resumed_session_runs_as_the_one_before(folder: SweepFolder) -> None:
    first = RunOptions(engine="in-process", slots=2, gpus_per_trial="auto", epoch_minutes=7, allow_insecure=True)
    Driver.open(
        folder, folder.describe(), Limits(), Progress(quiet=True), options=first.repeated()
    ).close()  # fmt: skip
    again = repeat_options(folder, RunOptions(slots=3, named=frozenset({"slots"})))
    assert again == RunOptions(engine="in-process", slots=3, gpus_per_trial="auto", epoch_minutes=7)
    assert resume_command(folder, again) == (
        f"seatbelt resume {folder.name} --engine in-process --slots 3 --gpus-per-trial auto --epoch-timeout 7"
    )
    named = frozenset({"engine", "gpus_per_trial", "epoch_minutes", "slots"})
    assert repeat_options(folder, RunOptions(named=named)) == RunOptions(), (
        "what is given counts, also if it is the default"
    )


def test_a_sweep_of_an_earlier_version_has_no_options(folder: SweepFolder) -> None:
    open_driver(folder).close()
    assert repeat_options(folder, RunOptions(slots=1)) == RunOptions(slots=1)


def with_data(folder: SweepFolder, data: Path) -> SweepDescription:
    source = DataSource(path=str(data), name="stripes", fingerprint=fingerprint(read(data)))
    folder.replace(folder.describe().model_copy(update={"data": (source,)}))
    return folder.describe()


def test_data_that_were_moved_are_named_by_their_new_place(
    folder: SweepFolder, make_data: MakeData, tmp_path: Path
) -> None:
    data = make_data()
    description = with_data(folder, data)
    check_data_unchanged(description)
    moved = tmp_path / "elsewhere" / "data"
    moved.parent.mkdir()
    shutil.move(data, moved)
    what = r"data set stripes is not at .*/stripes any more; if it was moved, `seatbelt resume SWEEP --data FOLDER`"
    with pytest.raises(UserError, match=what):
        check_data_unchanged(folder.describe())
    relocated = relocate(folder.describe(), (moved,), None)
    assert relocated.data[0].path == str(moved)
    check_data_unchanged(relocated)
    other = make_data("other", subjects=5)
    with pytest.raises(UserError, match=r"--data .*other holds other images or masks than the sweep's data: stripes"):
        relocate(relocated, (other,), None)


def test_data_that_were_moved_together_with_the_sweep_are_there(tmp_path: Path, make_data: MakeData) -> None:
    data = make_data("project/data")
    folder = SweepFolder(tmp_path / "project" / "sweeps" / "a")
    folder.create(describe())
    with_data(folder, data)
    shutil.move(tmp_path / "project", tmp_path / "archive")
    moved = SweepFolder(tmp_path / "archive" / "sweeps" / "a").describe()
    assert moved.data[0].path == str(tmp_path / "archive" / "data")
    check_data_unchanged(moved)


def test_weights_that_were_moved_or_changed(folder: SweepFolder, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (old / "resnet18.pth").write_bytes(b"weights")
    digest = "0" * 64
    description = describe().model_copy(
        update={"weights": {"resnet18 imagenet": digest, "resnet18 none": None}, "weights_folder": str(old)}
    )
    with pytest.raises(UserError, match=r"the weights imagenet of resnet18 are not those that the sweep began with"):
        check_weights_unchanged(description)
    old.rename(new)
    with pytest.raises(
        UserError, match=r"the weights folder .*/old is not there any more; say where it is: --weights-f"
    ):
        check_weights_unchanged(description)
    relocated = relocate(description, (), new)
    assert relocated.weights_folder == str(new)


@pytest.mark.parametrize("package", ["torch", "timm", "segmentation-models-pytorch", "albumentations", "numpy"])
def test_other_versions_of_packages_that_decide_numbers(package: str) -> None:
    versions = code_version.package_versions()
    check_code(describe().model_copy(update={"versions": versions}), accept=False)
    changed = describe().model_copy(update={"versions": {**versions, package: "0.0.1"}})
    with pytest.raises(
        UserError, match=rf"versions of packages .* changed since the sweep began \({package} 0\.0\.1, now"
    ):
        check_code(changed, accept=False)
    check_code(changed, accept=True)


def test_other_versions_of_packages_that_decide_none() -> None:
    check_code(describe().model_copy(update={"versions": {"ray": "0.0.1", "optuna": "0.0.1"}}), accept=False)


def test_the_status_without_a_driver(folder: SweepFolder) -> None:
    driver = open_driver(folder)
    assert isinstance(driver.next(), LegTask)
    # A killed driver leaves this.
    driver._ledger.close()
    text, runs = status_text(folder.name)
    assert not runs
    assert f"driver     not running; continue with: seatbelt resume {folder.name}" in text
    assert "statuses   1 INTERRUPTED" in text
    run_to_the_end(folder)
    text, _ = status_text(folder.name)
    assert "driver     not running; finished: every arm has its trials" in text


@pytest.mark.parametrize(
    ("outcome", "error", "reason"),
    [
        (
            "error",
            "ValueError: broken",
            r"4 FAILED.*ValueError: broken; mend that, then `seatbelt resume {} --retry fail",
        ),
        (
            "diverged",
            None,
            r"4 DIVERGED.*the loss was not finite in epoch 1; launch it again with lower --fix encoder_l",
        ),
        ("out_of_memory", "no room", r"4 OUT_OF_MEMORY.*no room; launch it again with a smaller --size"),
    ],
)
def test_a_sweep_without_any_result_says_why(folder: SweepFolder, outcome: str, error: str | None, reason: str) -> None:
    with open_driver(folder) as driver:
        while isinstance(spec := driver.next(), LegTask):
            driver.handle(spec, ended_message(outcome, 1).model_copy(update={"error": error, "final": True}))
    text, _ = status_text(folder.name)
    import re

    assert re.search(f"not running; no trial has a result \\({reason.format(re.escape(folder.name))}", text), text
    from analysis import load
    from analysis.answers.ranking import best

    with pytest.raises(UserError, match=r"no trial has a score .*; `seatbelt why .* 0` explains the first one"):
        best(load(folder.name))


def test_events_of_before_have_no_options(folder: SweepFolder) -> None:
    open_driver(folder).close()
    lines = folder.journal.read_bytes().splitlines()
    session = json.loads(lines[0].split(b" ", 2)[2])
    assert (session["sweep"], session["options"]) == ("", {})
    assert len(list(read_events(folder))) == len(lines)
