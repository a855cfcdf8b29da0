"""The lease of a sweep in a bucket decides which driver writes to it.

A lease is an object that its holder keeps changing. Another driver takes over a lease that has not changed for a
minute, by a conditional write. Only the waiting machine measures time, so that no clocks are compared.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatbelt.errors import SweepHeldError
from seatbelt.storage.base import Storage
from seatbelt.storage.refusals import at_most
from seatbelt.text.redaction import safe_text

LEASE_SECONDS = 60.0
"""A driver that has not renewed its lease for this long has lost it."""

RENEW_SECONDS = 15.0
_LOOK_SECONDS = 2.0
_NAME = "state/lease.json"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The present holder of a lease."""

    name: str
    is_alive: bool
    """The lease changed since the last look."""


class Lease:
    """An object in a storage that its holder keeps changing; without changes for some time it is void."""

    def __init__(self, storage: Storage, name: str, seconds: float) -> None:
        """Name a lease; `take` makes it.

        Args:
            storage: Where the lease lies.
            name: Name of the object.
            seconds: A lease that has not changed for this long, by the clock of the waiting process, is void.
        """
        self._storage, self._name, self._seconds = storage, name, seconds
        self._owner = who_am_i()
        self._last_look: tuple[object, float] | None = None
        """Tag of another holder's lease, and when it was first seen."""

    def take(self) -> Holder | None:
        """Take the lease, or renew it; return the holder if another process has it.

        Raises:
            OSError: The storage cannot be read or written.
        """
        content = self._content()
        if self._storage.create(self._name, content):
            return None
        try:
            data, tag = self._storage.tagged(self._name)
        except FileNotFoundError:
            return self.take()
        if not (is_mine(data, self._owner) or is_dead(data)):
            is_first, since = self._last_look is None, time.monotonic()
            if self._last_look is None or self._last_look[0] != tag:
                self._last_look = (tag, since)
                return Holder(name=in_words(data), is_alive=not is_first)
            if since - self._last_look[1] <= self._seconds:
                return Holder(name=in_words(data), is_alive=False)
        return None if self._storage.swap(self._name, content, tag) else Holder(name="another process", is_alive=False)

    def renew(self) -> bool:
        """Renew the lease; return False if another process has taken it.

        Raises:
            OSError: The storage cannot be read or written.
        """
        data, tag = self._storage.tagged(self._name)
        if not is_mine(data, self._owner):
            return False
        self._storage.swap(self._name, self._content(), tag)
        return True

    def release(self) -> None:
        """Remove the lease if this process holds it; a lease that cannot be removed expires by itself."""
        with contextlib.suppress(OSError):
            if is_mine(self._storage.read(self._name), self._owner):
                self._storage.remove(self._name)

    def _content(self) -> bytes:
        self._owner["count"] += 1
        return json.dumps(self._owner).encode()


class WriterLease:
    """The lease of a sweep's only writer, which a thread renews until `release`."""

    def __init__(self, storage: Storage, note: Callable[[str], None] = lambda _: None) -> None:
        """Take the lease of a sweep, waiting for one whose holder died.

        Args:
            storage: Storage of the sweep.
            note: Called with the reason of a wait.

        Raises:
            SweepHeldError: Another driver renews it.
            OSError: The storage cannot be read or written.
        """
        self._storage, self._lease = storage, Lease(storage, _NAME, LEASE_SECONDS)
        self._lost = threading.Event()
        self._released = threading.Event()
        self._take(note)
        self._thread = threading.Thread(target=self._keep_renewing, name="seatbelt-lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Check that this driver still holds the lease.

        Raises:
            SweepHeldError: Another driver took the sweep over.
        """
        if self._lost.is_set():
            raise SweepHeldError(
                f"{self._storage.location} was taken over by {holder(self._storage) or 'another driver'}: this one "
                "could not renew its lease in time, and stops; what it measured since stays in its journal"
            )

    def renew(self) -> None:
        """Renew the lease, or find that another driver took it."""
        # Retry a storage that does not answer later: only another driver can take the lease away.
        with contextlib.suppress(OSError), at_most(0):
            if not self._lease.renew():
                self._lost.set()

    def release(self) -> None:
        """Stop renewing the lease, and remove it."""
        self._released.set()
        self._thread.join()
        with at_most(0):
            self._lease.release()

    def _take(self, note: Callable[[str], None]) -> None:
        waits = False
        while (present := self._lease.take()) is not None:
            if present.is_alive:
                raise SweepHeldError(
                    f"{self._storage.location} is being written by {present.name}; wait for it, or end it with "
                    f"`seatbelt stop {self._storage.location}`"
                )
            if not waits:
                note(f"held by {present.name}: it is taken over if it does not move for {LEASE_SECONDS:.0f} s")
            waits = True
            time.sleep(_LOOK_SECONDS)

    def _keep_renewing(self) -> None:
        while not self._lost.is_set() and not self._released.wait(RENEW_SECONDS):
            self.renew()


def holder(storage: Storage) -> str | None:
    """Return the holder of the lease in words; None if nobody holds it."""
    try:
        data = storage.read(_NAME)
    except FileNotFoundError:
        return None
    return None if is_dead(data) else in_words(data)


def who_am_i() -> dict[str, Any]:
    """Return the content of a lease of this process, under a unique session name."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "machine": _machine(),
        "session": secrets.token_hex(8),
        "since": time.time(),
        "count": 0,
    }


def in_words(data: bytes) -> str:
    """Return the holder of a lease in words."""
    try:
        who = json.loads(data)
        minutes = (time.time() - float(who["since"])) / 60
        return safe_text(f"process {int(who['pid'])} on {who['host']} (for {minutes:.0f} min)")
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return "another process"


def is_mine(data: bytes, me: dict[str, Any]) -> bool:
    """Return whether a lease is the one that this process holds as `me`, by its unique session name."""
    return str(me["session"]).encode() in data


def is_dead(data: bytes) -> bool:
    """Return whether the holder was a process of this machine that has ended."""
    with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError, RecursionError, PermissionError):
        who = json.loads(data)
        if who["machine"] != _machine():
            return False
        try:
            os.kill(int(who["pid"]), 0)
        except ProcessLookupError:
            return True
    return False


def _machine() -> str:
    """Return a text that identifies this machine since its start, and this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"unknown {socket.gethostname()} {secrets.token_hex(8)}"
