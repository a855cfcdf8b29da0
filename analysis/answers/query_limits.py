"""What a query of a user may do: ask the tables, for so long, with so much memory."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_AGAIN_SECONDS = 0.1
_PER_THREAD = 128 * 2**20
"""Bytes of addresses that an allocator sets aside for each thread of duckdb without using them."""


def bound_memory(connection: duckdb.DuckDBPyConnection, memory: int) -> None:
    """Let the tables and operators of a connection take only so many bytes; nothing is spilled to a disk."""
    for setting in (
        f"memory_limit='{memory}B'",
        "temp_directory=''",
        "max_temp_directory_size='0B'",
        "enable_progress_bar=false",
    ):
        connection.execute(f"set {setting}")


def lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Take files, network, extensions, Python's variables and settings away from a connection.

    Args:
        connection: It holds what may be asked already.
    """
    for setting in (
        "TimeZone='UTC'",
        "autoinstall_known_extensions=false",
        "autoload_known_extensions=false",
        "allow_community_extensions=false",
        "python_enable_replacements=false",
        "enable_external_access=false",
        "lock_configuration=true",
    ):
        connection.execute(f"set {setting}")


class Clock:
    """Says whether the time of a query is over."""

    over = False


@contextmanager
def interrupted_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[Clock]:
    """Interrupt what a connection does when the time is over, again and again until the block ends."""
    clock, done = Clock(), threading.Event()

    def watch() -> None:
        if not done.wait(seconds):
            clock.over = True
            # Between two statements an interruption is lost.
            while not done.wait(_AGAIN_SECONDS):
                connection.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield clock
    finally:
        done.set()
        watcher.join()


@contextmanager
def memory_bounded(extra: int) -> Iterator[None]:
    """Let this process take only so many further bytes; beyond them allocations fail with an error.

    duckdb's own limit does not count what a single value takes, such as `range(10000000000)`. Only Linux tells how
    much a process has; elsewhere duckdb's limit stands alone.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + extra + (os.cpu_count() or 1) * _PER_THREAD
    bounds = [bound for bound in (most, soft, hard) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
