"""Machines without a home, a current folder, a short temporary folder, or a terminal of all letters."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from runners.engines import ray_folder as temporary
from runners.engines.ray_folder import check_temporary_folder, ray_folder
from runners.new_sweep.describe import _refuse_undecodable
from runners.sweep_files.folder import SweepFolder
from seatbelt.errors import UserError
from seatbelt.machine.cache_folder import cache_folder
from seatbelt.machine.home import expand, expand_options, provide_user
from tests.conftest import ROOT
from tests.runners.conftest import describe


def seatbelt(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "runners.cli", *arguments],
        capture_output=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=60,
    )


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without HOME whose user number has no account."""

    def unknown(number: int) -> object:
        raise KeyError(number)

    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_CACHE_HOME", "SEATBELT_CACHE"):
        monkeypatch.setenv(name, "before")
        monkeypatch.delenv(name)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_without_a_home_the_variable_to_set_is_named(nobody: None) -> None:
    provide_user()
    for act in (cache_folder, lambda: expand("~"), lambda: expand("~/x"), lambda: expand_options(["--data=~/x"])):
        with pytest.raises(UserError, match=r"there is no home folder: HOME is not set, .* set SEATBELT_CACHE or HOME"):
            act()
    assert os.environ["USER"] == f"user-{os.getuid()}"


def test_the_cache_folder_is_the_home_of_who_has_none(
    nobody: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path))
    provide_user()
    assert Path.home() == tmp_path == cache_folder()


def test_a_home_or_a_name_that_is_there_stays(nobody: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    monkeypatch.setenv("LOGNAME", "somebody")
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path))
    provide_user()
    assert os.environ["HOME"] == "/somewhere"
    assert "USER" not in os.environ


@pytest.mark.parametrize(
    ("argument", "expanded"),
    [
        ("--data=~/x y", "--data=/home/me/x y"),
        ("--out=~", "--out=/home/me"),
        ("--weights-folder=~/a=~/b", "--weights-folder=/home/me/a=~/b"),
        ("--data=./~/x", "--data=./~/x"),
        ("--set=encoder=~", "--set=encoder=~"),
        ("~/x", "~/x"),
        ("--data=back\\slash~", "--data=back\\slash~"),
    ],
)
def test_a_tilde_that_shells_leave(monkeypatch: pytest.MonkeyPatch, argument: str, expanded: str) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert expand_options([argument]) == [expanded]


def test_a_tilde_of_nobody() -> None:
    with pytest.raises(UserError, match="~no-such-user/x: the system knows no such user; write out the path"):
        expand_options(["--data=~no-such-user/x"])


@pytest.mark.parametrize("variable", ["SEATBELT_CACHE", "XDG_CACHE_HOME"])
def test_a_tilde_in_the_environment(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.delenv("SEATBELT_CACHE", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv(variable, "~/c")
    assert cache_folder().is_relative_to("/home/me/c")


def test_a_current_folder_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd '{gone}' && rmdir '{gone}' && exec '{sys.executable}' -m runners.cli studies"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    completed = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment, timeout=60)
    assert completed.returncode == 2
    assert completed.stderr == (
        "error: the current folder is gone (No such file or directory); go to one that exists with `cd`\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437"])
def test_a_terminal_that_lacks_letters(tmp_path: Path, encoding: str) -> None:
    completed = seatbelt("status", "中 ü", cwd=tmp_path, PYTHONIOENCODING=encoding, COLUMNS="20")
    assert completed.returncode == 2
    assert b"Traceback" not in completed.stderr
    # Click writes UTF-8 where the encoding of the terminal is ASCII.
    assert (rb"\u4e2d" in completed.stderr) or "中 ü".encode() in completed.stderr


@pytest.mark.parametrize("place", ["file/below", "/proc/none", "file"])
def test_a_place_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be made \(.*\); name a folder with --out that can be written"):
        SweepFolder(place + "/sweep").create(describe())


def test_bytes_that_are_no_text() -> None:
    _refuse_undecodable("data set", Path("/data/a b=c\\d\ne/Zu\u0308rich"))
    with pytest.raises(UserError, match=r"data set /data/.*: the path is no text .* rename that folder"):
        _refuse_undecodable("data set", Path("/data/\udcff"))


def test_ray_gets_a_short_folder_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    short = Path(tempfile.mkdtemp(dir="/tmp"))
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(short))
    assert ray_folder() is None, "Ray's own choice"
    for unfit in (str(long), "/nope", str(short / "file")):
        monkeypatch.setenv("TMPDIR", unfit)
        assert ray_folder() in ("/tmp/ray", "/var/tmp/ray", "/dev/shm/ray")
        monkeypatch.setattr(temporary, "_PLACES", (str(long), str(short)))
        assert ray_folder() == f"{short}/ray"
        monkeypatch.setattr(temporary, "_PLACES", (str(long),))
        with pytest.raises(UserError, match="set RAY_TMPDIR to a folder of at most 30 characters that you can write"):
            ray_folder()
        monkeypatch.undo()
        monkeypatch.delenv("RAY_TMPDIR", raising=False)
    short.rmdir()


@pytest.mark.parametrize("reason", ["No space left on device", "Permission denied", "Read-only file system"])
def test_no_place_for_temporary_files(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    def fails() -> object:
        raise OSError(28, reason)

    monkeypatch.setattr(tempfile, "TemporaryFile", fails)
    with pytest.raises(
        UserError, match=rf"no temporary file can be written \({reason}\); set TMPDIR to a writable folder"
    ):
        check_temporary_folder()
