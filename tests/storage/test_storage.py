"""The contract of a storage, over a folder and over an S3 server."""

from __future__ import annotations

import itertools
import os
import threading
import uuid
from pathlib import Path

import pytest

from seatbelt.errors import UserError
from seatbelt.storage.base import LocalStorage, Storage, copy_files, open_storage
from tests.storage.server import BUCKET, Server


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return open_storage(tmp_path / "place")
    request.getfixturevalue("s3")
    return open_storage(f"s3://{BUCKET}/{uuid.uuid4().hex}/place")


def test_what_was_written_is_read(storage: Storage) -> None:
    assert storage.names() == []
    with pytest.raises(FileNotFoundError):
        storage.read("a/b.json")
    storage.write("a/b.json", b"one")
    storage.write("a/b.json", b"two")
    storage.write("c", b"")
    assert storage.read("a/b.json") == b"two"
    assert storage.read("c") == b""
    assert storage.names() == ["a/b.json", "c"]
    assert storage.names("a") == ["a/b.json"]
    assert storage.size() == 3


def test_names_of_a_folder_leave_out_those_that_only_begin_like_it(storage: Storage) -> None:
    storage.write("trials/1", b"1")
    storage.write("trials-old/1", b"1")
    assert storage.names("trials") == ["trials/1"]


def test_create_takes_only_a_free_name(storage: Storage) -> None:
    assert storage.create("lease", b"mine")
    assert not storage.create("lease", b"yours")
    assert storage.read("lease") == b"mine"


def test_swap_replaces_only_the_version_that_was_seen(storage: Storage) -> None:
    assert not storage.swap("lease", b"new", tag={"e_tag": '"0"'})
    storage.write("lease", b"old")
    _, tag = storage.tagged("lease")
    assert storage.swap("lease", b"new", tag)
    assert storage.read("lease") == b"new"
    assert not storage.swap("lease", b"newer", tag)
    assert storage.read("lease") == b"new"


def test_of_many_writers_that_create_or_swap_one_wins(storage: Storage) -> None:
    won: list[str] = []

    def race(name: str) -> None:
        if storage.create("lease", name.encode()):
            won.append(name)

    def swap(name: str, tag: object) -> None:
        if storage.swap("lease", name.encode(), tag):
            won.append(name)

    run_all(*(threading.Thread(target=race, args=(str(n),)) for n in range(8)))
    assert len(won) == 1
    assert storage.read("lease").decode() == won.pop()
    _, tag = storage.tagged("lease")
    run_all(*(threading.Thread(target=swap, args=(f"swap {n}", tag)) for n in range(8)))
    assert len(won) == 1
    assert storage.read("lease").decode() == won.pop()


def run_all(*threads: threading.Thread) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_removed_files_are_gone(storage: Storage) -> None:
    storage.write("a/1", b"1")
    storage.write("a/2", b"2")
    storage.write("b", b"3")
    storage.remove("b")
    storage.remove("b")
    inner = storage.within("a")
    assert inner.location == f"{storage.location}/a"
    assert inner.names() == ["1", "2"]
    inner.clear()
    assert storage.names() == []


def test_a_location_opens_the_same_storage_anywhere(storage: Storage) -> None:
    storage.within("inner").write("file", b"1")
    assert open_storage(storage.within("inner").location).read("file") == b"1"


def test_copies_hold_all_files(storage: Storage, tmp_path: Path) -> None:
    storage.write("a/1", b"one")
    copy_files(storage, LocalStorage(tmp_path / "copy"))
    assert (tmp_path / "copy" / "a" / "1").read_bytes() == b"one"


def test_a_large_file_is_one_put(s3: Server) -> None:
    storage = open_storage(f"s3://{BUCKET}/{uuid.uuid4().hex}")
    data = os.urandom(12_000_000)
    s3.requests.clear()
    storage.write("weights", data)
    assert [method for method, _ in s3.requests] == ["PUT"]
    assert storage.read("weights") == data


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["slow down", "error", "drop", "lost"])
def test_faults_of_the_server_are_outlasted(s3: Server, fault: str) -> None:
    storage = open_storage(f"s3://{BUCKET}/{uuid.uuid4().hex}")
    count = itertools.count()
    s3.fault = lambda method, path: fault if next(count) % 3 else None
    storage.write("a", b"one")
    assert storage.read("a") == b"one"
    assert storage.create("b", b"mine"), "also where the reply to the first attempt was lost"
    assert not storage.create("b", b"yours")
    _, tag = storage.tagged("b")
    assert storage.swap("b", b"new", tag)
    assert storage.read("b") == b"new"
    assert storage.names() == ["a", "b"]
    storage.remove("a")
    assert storage.names() == ["b"]


def test_a_bucket_that_does_not_exist_is_no_empty_storage(s3: Server) -> None:
    storage = open_storage("s3://another/place")
    for act in (lambda: storage.read("a"), lambda: storage.write("a", b""), storage.names):
        with pytest.raises(OSError, match=r"s3://another/place/\w*: there is no such bucket; make it") as raised:
            act()
        assert not isinstance(raised.value, FileNotFoundError)


@pytest.mark.parametrize("location", ["http://host/path", "s3://", "s3:///path", "azure://bucket"])
def test_unknown_locations_are_refused(location: str) -> None:
    with pytest.raises(UserError, match="no place that seatbelt knows; give a folder, s3://BUCKET/PREFIX"):
        open_storage(location)


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = open_storage(tmp_path)
    storage.write("a", b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        storage.write("a", b"new")
    assert storage.read("a") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
