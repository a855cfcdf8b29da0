"""Limits of a user's query: reading the tables only, with bounded time and memory."""

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
"""Bytes of address space that an allocator reserves for each DuckDB thread."""


def bound_memory(connection: duckdb.DuckDBPyConnection, memory: int) -> None:
    """Limit the memory of the tables and operators of a connection, bytes; nothing spills to disk."""
    for setting in (
        f"memory_limit='{memory}B'",
        "temp_directory=''",
        "max_temp_directory_size='0B'",
        "enable_progress_bar=false",
    ):
        connection.execute(f"set {setting}")


def lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Block files, network, extensions, Python variables and settings for a connection.

    Args:
        connection: Already holds all tables that the query needs.
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
    """Whether the time of a query is over."""

    over = False


@contextmanager
def interrupted_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[Clock]:
    """Interrupt a connection when the time is over, repeatedly until the block ends."""
    clock, done = Clock(), threading.Event()

    def watch() -> None:
        if not done.wait(seconds):
            clock.over = True
            # An interruption between two statements is lost.
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
    """Limit the additional memory of this process, bytes; larger allocations fail with an error.

    DuckDB's own limit does not count the memory of a single value such as `range(10000000000)`. The current size of the
    process is only known on Linux; elsewhere DuckDB's limit alone applies.
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
