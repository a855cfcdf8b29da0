"""Sweeps in folders of strange names, through links, with pipes in place of files, and made by newer versions."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from analysis import load
from analysis.answers.query import query
from analysis.answers.ranking import best
from runners.sweep_files.folder import SweepFolder
from seatbelt.errors import UserError
from seatbelt.storage.base import LocalStorage, read_file
from tests.command_line import mistake

NAMES = [
    "encoder=resnet99", "status=FAILED/sweep", "epoch=7", "selection_iou=0.5/date=2026-01-01/s",
    "a space", "~", "~/s", "st*r", "[x]", "q?", "back\\slash", "{a,b}", "o'brien", 'quo"te', "Z\u0308urich", "#1%20",
    "\udcff",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_path_of_a_sweep_says_nothing_of_its_content(
    finished: SweepFolder, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True, parents=True)
    shutil.copytree(finished.root, place)
    for sql in ("select * from trials order by all", "select * from epochs order by all"):
        assert query(load(name), sql) == query(load("sweep"), sql)
    of_place, of_sweep = best(load(name)), best(load("sweep"))
    assert [arm.trial_key for arm in of_place.arms] == [arm.trial_key for arm in of_sweep.arms]
    assert of_place.trials == of_sweep.trials


@pytest.mark.parametrize("link", ["state", "state/test-read", "state/tmp"])
@pytest.mark.parametrize("command", [["best", "--by", "test"], ["compare", "decoder=fpn", "decoder=unet"]])
def test_reading_commands_write_nothing_through_links(
    finished: SweepFolder, link: str, command: list[str], tmp_path: Path
) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    place = finished.root / link
    if place.exists():
        shutil.move(place, tmp_path / "moved")
    place.symlink_to(ours)
    finished.note_test_read(command[0])
    assert list(ours.rglob("*")) == []
    with pytest.raises(OSError, match="leads out of"):
        LocalStorage(finished.root, finished.root / "state" / "tmp").write(f"{_STATE[link]}/x", b"")


_STATE = {"state": "state", "state/test-read": "state/test-read", "state/tmp": "state"}


def test_a_link_to_the_whole_sweep_is_fine(finished: SweepFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(finished.root)
    SweepFolder(tmp_path / "link").note_test_read("best")
    assert len(finished.test_notes()) == 1


@pytest.mark.parametrize("name", ["sweep.json", "trials/part-00000.parquet", "epochs/part-00001.parquet"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_not_waited_for(finished: SweepFolder, name: str, kind: str) -> None:
    place = finished.root / name
    place.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("/dev/zero")
    said = mistake("query", str(finished.root), f"select count(*) from {name.split('/')[0].split('.')[0]}")
    assert "is no sweep" in said if name == "sweep.json" else f"{place} is no file; move it away" in said


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["cluster", "check", "pipe"], "is no file"),
        (["data", "import", "folder", ".", "--out", "o", "--classes", "x", "--subjects", "pipe"], "is no"),
        (["data", "import", "coco", "pipe", "--out", "o", "--target", "x"], "pipe"),
        (["sweep", "pipe.py"], "there is no such file"),
        (["sweep", "architecture", "--fix", "weights=file:pipe", "--data", "."], "dataset.json"),
        (["status", "pipe"], "is no sweep"),
        (["data", "check", "pipe"], "pipe"),
    ],
)  # fmt: skip
def test_a_pipe_in_place_of_any_file(
    arguments: list[str], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for name in ("pipe", "pipe.py"):
        os.mkfifo(name)
    assert what in mistake(*arguments)


def test_reading_a_pipe_or_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "nothing"):
        with pytest.raises(FileNotFoundError):
            read_file(tmp_path / name)


COMMANDS = [
    ["best"], ["status"], ["resume"], ["report"], ["effects"], ["query", "select 1"], ["why", "0"], ["reproduce", "0"],
    ["confirm", "--top", "1"], ["stop"], ["explain", "best"], ["export", "--optuna", "o.db"], ["figures"],
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("change", [{"format": 2}, {"format": 17, "shape": "new"}])
def test_a_sweep_of_a_newer_version(finished: SweepFolder, command: list[str], change: dict[str, object]) -> None:
    place = finished.root / "sweep.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | change))
    name, *more = command
    assert "made by a newer version of seatbelt" in mistake(name, str(finished.root), *more)


def test_a_field_of_a_newer_version(finished: SweepFolder) -> None:
    place = finished.root / "sweep.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"shape": "new"}))
    said = mistake("status", str(finished.root))
    assert "has a field 'shape' that this version of seatbelt lacks: install the newer version" in said
    assert "or, if the file is damaged, restore it from a backup" in said


def test_a_report_where_nobody_may_write(finished: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match=r"cannot be written by this user; name another folder: --out"):
        finished.check_writable(finished.root / "report" / "figures")
