"""Refused requests to a bucket: how long they are repeated, and the message in the end."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from seatbelt.storage import refusals
from seatbelt.storage.base import Storage, open_storage
from seatbelt.storage.refusals import RefusedError, at_most, wait_for_buckets
from tests.storage.server import BUCKET, Server

ACTIONS: dict[str, Callable[[Storage], Any]] = {
    "read": lambda storage: storage.read("file"),
    "tagged": lambda storage: storage.tagged("file"),
    "write": lambda storage: storage.write("file", b"new"),
    "create": lambda storage: storage.create("other", b"new"),
    "names": lambda storage: storage.names(),
    "remove": lambda storage: storage.remove("file"),
}


class Clock:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        self.on_sleep()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(refusals, "time", clock)
    yield clock
    wait_for_buckets(refusals.READING_SECONDS)


@pytest.fixture
def new_bucket(s3: Server, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """A place in a bucket that this process has never used."""
    monkeypatch.setattr("seatbelt.storage.bucket._buckets", {})
    return open_storage(f"s3://{BUCKET}/{uuid.uuid4().hex}/place")


@pytest.fixture
def proven(new_bucket: Storage) -> Storage:
    """A place in a bucket that has answered every kind of request."""
    new_bucket.write("gone", b"")
    new_bucket.remove("gone")
    new_bucket.write("file", b"old")
    assert new_bucket.names() == ["file"]
    assert new_bucket.read("file") == b"old"
    return new_bucket


@pytest.mark.slow
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("fault", ["denied", "skewed", "unauthenticated", "late", "throttled", "expired", "slow down"])
def test_temporary_refusals_are_outlasted(s3: Server, proven: Storage, clock: Clock, fault: str, action: str) -> None:
    s3.fault = lambda method, path: fault

    def recover() -> None:
        if len(clock.pauses) == 4:
            s3.fault = lambda method, path: None

    clock.on_sleep = recover
    ACTIONS[action](proven)
    assert len(clock.pauses) == 4
    assert clock.pauses == sorted(clock.pauses), "pauses grow"
    assert proven.refusal() is None


def test_the_first_refusal_is_raised_after_ten_minutes(s3: Server, proven: Storage, clock: Clock) -> None:
    wait_for_buckets(refusals.SESSION_SECONDS)
    s3.fault = lambda method, path: "unauthenticated" if clock.pauses else "denied"
    with pytest.raises(RefusedError, match=r"place/file: access is denied .*403 Forbidden.*; check the credentials"):
        proven.write("file", b"new")
    assert sum(clock.pauses) == pytest.approx(600)
    assert len(clock.pauses) < 60, "a bucket that is overloaded is not asked every second"
    # Later requests do not wait again; the first refusal stays the reason.
    before = len(clock.pauses)
    with pytest.raises(RefusedError, match="access is denied"):
        proven.write("another", b"new")
    assert len(clock.pauses) == before


def test_commands_that_read_wait_for_half_a_minute(s3: Server, proven: Storage, clock: Clock) -> None:
    s3.fault = lambda method, path: "denied"
    with pytest.raises(RefusedError):
        proven.read("file")
    assert sum(clock.pauses) == pytest.approx(30)


def test_a_client_without_any_access_fails_at_once(s3: Server, new_bucket: Storage, clock: Clock) -> None:
    wait_for_buckets(refusals.SESSION_SECONDS)
    s3.fault = lambda method, path: "denied"
    for action in ACTIONS.values():
        with pytest.raises(RefusedError, match=r"access is denied .* check the credentials"):
            action(new_bucket)
    assert clock.pauses == []


def test_a_client_without_write_access_fails_at_the_first_write(s3: Server, proven: Storage, clock: Clock) -> None:
    wait_for_buckets(refusals.SESSION_SECONDS)
    reader = open_storage(proven.location)
    refusals_of_writes = reader._bucket  # type: ignore[attr-defined]
    refusals_of_writes._proven.discard("write")
    s3.fault = lambda method, path: "denied" if method == "PUT" else None
    assert reader.read("file") == b"old"
    with pytest.raises(RefusedError, match="access is denied"):
        reader.write("file", b"new")
    assert clock.pauses == []


def test_a_worker_trusts_what_the_driver_has_proven(s3: Server, new_bucket: Storage, clock: Clock) -> None:
    wait_for_buckets(refusals.SESSION_SECONDS, trusted=True)
    s3.fault = lambda method, path: "denied" if clock.now < 1500 else None
    new_bucket.write("file", b"new")
    assert 500 <= sum(clock.pauses) < 520


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_an_endpoint_that_never_answered_fails_in_seconds(
    s3: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    wait_for_buckets(refusals.SESSION_SECONDS)
    with pytest.raises(RefusedError, match="error sending request"):
        open_storage(f"s3://{BUCKET}/place").read("file")
    assert sum(clock.pauses) == pytest.approx(10)


def test_permanent_errors_are_raised_at_once(s3: Server, proven: Storage, clock: Clock) -> None:
    s3.fault = lambda method, path: "malformed"
    with pytest.raises(OSError, match="InvalidArgument") as raised:
        proven.read("file")
    assert not isinstance(raised.value, RefusedError)
    with pytest.raises(OSError, match="there is no such bucket"):
        s3.fault = lambda method, path: None
        open_storage("s3://never/place").read("file")
    assert clock.pauses == []


def test_who_must_not_wait_does_not(s3: Server, proven: Storage, clock: Clock) -> None:
    s3.fault = lambda method, path: "denied"
    with at_most(0), pytest.raises(RefusedError):
        proven.read("file")
    assert clock.pauses == []
    with at_most(5), pytest.raises(RefusedError):
        proven.read("file")
    assert sum(clock.pauses) == pytest.approx(5)


def test_refusals_that_lie_far_apart_are_two(s3: Server, proven: Storage, clock: Clock) -> None:
    s3.fault = lambda method, path: "throttled"
    with at_most(0), pytest.raises(RefusedError):
        proven.read("file")
    clock.now += 3600
    s3.fault = lambda method, path: None if clock.pauses else "denied"
    assert proven.read("file") == b"old"
