"""A sweep of somebody else: its paths are contained, nothing in it is run, and what is wrong is one clear error."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runners.core.plan import Limits
from runners.sweep_files.folder import SweepFolder
from seatbelt.errors import UserError
from seatbelt.training.checkpoint import CheckpointFolder
from tests.command_line import mistake
from tests.runners.conftest import open_driver


def line(event: dict[str, Any]) -> bytes:
    text = json.dumps(event).encode()
    return b"%d %08x %s\n" % (len(text), zlib.crc32(text), text)


def forge(folder: SweepFolder, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the events of a ledger as somebody does who knows the format."""
    events = [json.loads(entry.split(b" ", 2)[2]) for entry in folder.journal.read_bytes().splitlines()]
    for event in events:
        change(event)
    folder.journal.write_bytes(b"".join(map(line, events)))


def set_fields(kind: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    def change(event: dict[str, Any]) -> None:
        if event["type"] == kind:
            event |= values

    return change


@pytest.mark.parametrize(
    "key", ["../../../victim", "/etc", "..", "", "a" * 11, "ABCDEFABCDEF", "abcdefabcde\n", "x' or 1"]
)
def test_a_key_that_is_none_becomes_no_path(finished: SweepFolder, key: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "thesis.txt").write_text("x")

    def change(event: dict[str, Any]) -> None:
        if "trial_key" in event and event["trial_key"] is not None:
            event["trial_key"] = key

    forge(finished, change)
    for command in ("status", "resume"):
        assert "trial_key must be 12 hex digits" in mistake(command, str(finished.root))
    assert "trial_key must be 12 hex digits" in mistake("reproduce", str(finished.root), "a")
    assert (victim / "thesis.txt").read_text() == "x"


@pytest.mark.parametrize(
    "change",
    [
        set_fields("epoch", epoch=7),
        set_fields("epoch", trial_key="0" * 12),
        set_fields("planned", trial_key="0" * 12),
        set_fields("epoch", metrics={"train_seconds": "x"}),
        set_fields("epoch", metrics={"unknown": 1}),
        set_fields("epoch", score="x"),
        set_fields("epoch", score={"a": 1}),
        set_fields("planned", cell=["a"]),
        set_fields("planned", number="first"),
        set_fields("planned", config={"data": 7}),
        set_fields("leg_ended", outcome="won"),
        set_fields("leg_ended", images=[{"x": 1}]),
        set_fields("leg_ended", test={"iou": "x"}),
        set_fields("planned", at=1e300),
        set_fields("decided", type="unknown"),
        set_fields("decided", more=1),
    ],
)
def test_events_that_no_driver_wrote_are_one_error(
    finished: SweepFolder, change: Callable[[dict[str, Any]], None]
) -> None:
    from runners.commands.status import status_text

    forge(finished, change)
    with (
        pytest.raises(UserError, match=r"the events of .* contradict each other|holds no event of this version") as one,
        open_driver(finished, Limits()),
    ):
        pass
    assert "\n" not in str(one.value)
    try:
        status_text(finished.root)
    except UserError as error:
        assert "\n" not in str(error)


def test_limits_that_no_session_had_are_one_error(finished: SweepFolder) -> None:
    forge(finished, set_fields("session", limits={"trials": "x"}))
    for command in ("status", "resume"):
        assert "contradict each other" in mistake(command, str(finished.root))


def test_an_event_nested_without_end_is_one_error(finished: SweepFolder) -> None:
    text = b'{"type":"session","limits":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    with finished.journal.open("ab") as file:
        file.write(b"%d %08x %s\n" % (len(text), zlib.crc32(text), text))
    assert "holds no event of this version" in mistake("status", str(finished.root))


@pytest.mark.parametrize(
    "path",
    ["relative/0123456789abcdef/checkpoint", "/etc", "/s/../etc/0123456789abcdef/checkpoint", "/s/key/checkpoint"],
)
def test_the_path_of_a_stage_is_one_of_a_store(finished: SweepFolder, path: str) -> None:
    with finished.journal.open("ab") as file:
        file.write(line({"type": "stage_found", "stage": "0" * 12, "path": path, "seconds": 1.0, "at": 1.0}))
    assert "path must be a stage of a store" in mistake("resume", str(finished.root))


@pytest.mark.parametrize(
    "place", ["state/journal.jsonl", "trials/part-00000.parquet", "state/lock", "checkpoints/0123456789ab", "state/tmp"]
)
def test_a_link_out_of_the_sweep_is_never_written_through(finished: SweepFolder, tmp_path: Path, place: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    precious = victim / "epoch-000001.json"
    precious.write_text("precious\n")
    link = finished.root / place
    folder = link.name in ("tmp", "0123456789ab")
    link.parent.mkdir(exist_ok=True)
    if link.is_dir():
        link.rmdir()
    link.unlink(missing_ok=True)
    link.symlink_to(victim if folder else precious)
    with pytest.raises(UserError, match=r"leads out of the sweep or is no file; put the file or folder itself there"):
        open_driver(finished)
    assert precious.read_text() == "precious\n"
    assert sorted(path.name for path in victim.iterdir()) == [precious.name]


def test_a_pipe_in_a_sweep_blocks_nobody(finished: SweepFolder) -> None:
    finished.journal.unlink()
    os.mkfifo(finished.journal)
    with pytest.raises(UserError, match="leads out of the sweep or is no file"):
        open_driver(finished)


def test_a_sweep_may_be_linked_as_a_whole(finished: SweepFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(finished.root)
    (finished.root / "notes").symlink_to(finished.root / "sweep.json")
    with open_driver(SweepFolder(tmp_path / "link")) as driver:
        assert len(driver.history.trials) == 4


def test_only_files_of_checkpoints_are_tidied_up(tmp_path: Path) -> None:
    import torch

    from seatbelt.training.checkpoint import Checkpoint

    (tmp_path / "thesis.txt").write_text("x")
    folder = CheckpointFolder(tmp_path)
    for epoch in (1, 2, 3, 4):
        state = {"w": torch.zeros(1)}
        folder.save(Checkpoint(epoch=epoch, weights=state, optimizer=state, trainer={}, log=[]), (epoch, None))
    folder.keep_best_only(4)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["epoch-000004.json", "thesis.txt", "weights-000004.safetensors"]
