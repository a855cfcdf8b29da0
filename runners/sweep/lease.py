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
from pathlib import Path
from typing import Any

from seatbelt.errors import SweepHeldError
from seatbelt.storage.base import Storage
from seatbelt.storage.refusals import at_most
from seatbelt.text.redaction import shown

LEASE_SECONDS = 60.0
"""A lease that has not changed for this long is void."""

RENEW_SECONDS = 15.0
_LOOK_SECONDS = 2.0
_NAME = "state/lease.json"


class Lease:
    """The writer's side of a lease, which a thread renews until `release`."""

    def __init__(self, storage: Storage, note: Callable[[str], None] = lambda _: None) -> None:
        """Take the lease of a sweep, waiting for one whose holder died.

        Args:
            storage: Storage of the sweep.
            note: Called with the reason of a wait.

        Raises:
            SweepHeldError: Another driver renews it.
            OSError: The storage cannot be read or written.
        """
        self._storage = storage
        self._owner = who_am_i()
        self._lost = threading.Event()
        self._released = threading.Event()
        self._take(note)
        self._thread = threading.Thread(target=self._renew, name="seatbelt-lease", daemon=True)
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

    def release(self) -> None:
        """Release the lease."""
        self._released.set()
        self._thread.join()
        # A lease that cannot be removed now expires by itself.
        with contextlib.suppress(OSError), at_most(0):
            if is_mine(self._storage.read(_NAME), self._owner):
                self._storage.remove(_NAME)

    def _take(self, note: Callable[[str], None]) -> None:
        mine = json.dumps(self._owner).encode()
        last_tag: object = None
        since = time.monotonic()
        while not self._storage.create(_NAME, mine):
            try:
                data, tag = self._storage.tagged(_NAME)
            except FileNotFoundError:
                continue
            if last_tag is None:
                last_tag = tag
                if not is_dead(data):
                    note(f"held by {in_words(data)}: it is taken over if it does not move for {LEASE_SECONDS:.0f} s")
            elif tag != last_tag:
                raise SweepHeldError(
                    f"{self._storage.location} is being written by {in_words(data)}; wait for it, or end it with "
                    f"`seatbelt stop {self._storage.location}`"
                )
            stale = is_dead(data) or time.monotonic() - since > LEASE_SECONDS
            if stale and self._storage.swap(_NAME, mine, tag):
                return
            time.sleep(_LOOK_SECONDS)

    def _renew(self) -> None:
        while not self._lost.is_set() and not self._released.wait(RENEW_SECONDS):
            # Retry a storage that does not answer: only another driver can take the lease away.
            with contextlib.suppress(OSError), at_most(0):
                self._renew_once()

    def _renew_once(self) -> None:
        data, tag = self._storage.tagged(_NAME)
        if not is_mine(data, self._owner):
            self._lost.set()
            return
        self._owner["count"] += 1
        self._storage.swap(_NAME, json.dumps(self._owner).encode(), tag)


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
        return shown(f"process {int(who['pid'])} on {who['host']} (for {minutes:.0f} min)")
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
