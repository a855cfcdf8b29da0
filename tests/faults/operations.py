"""An instrument that sees every file operation of the product below some folders, and can make one go wrong.

It replaces Python's functions (`open`, `os.replace`, `os.fsync`, ...), and so sees every file operation of the product,
also those that no test names. It does not see what compiled code of a library does.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.conftest import ROOT

Kind = Literal["before", "after", "torn", "no space", "i/o error", "timeout", "lost reply"]
"""What goes wrong: the process dies before, after or amid the operation; it fails; it is done, but says it failed."""

CRASHES: tuple[Kind, ...] = ("before", "after", "torn")
FAILURES: tuple[Kind, ...] = ("no space", "i/o error", "timeout", "lost reply")
EXIT_CODE = 86

_ERRNO = {"no space": 28, "i/o error": 5, "timeout": 110, "lost reply": 5}
_PRODUCT = tuple(f"{ROOT}/{name}/" for name in ("seatbelt", "runners"))


@dataclass
class Operations:
    """The operations so far, in order, and the one that is to go wrong."""

    below: tuple[Path, ...]
    at: int = 0
    """Number of the operation that goes wrong, from 1; 0 is none."""
    kind: Kind = "before"
    done: list[tuple[str, str]] = field(default_factory=list)
    """Operation and the place in the product that asked for it, `module:function`."""

    def apply(self, name: str, path: str, act: Callable[[], Any], torn: Callable[[], Any] | None = None) -> Any:
        """Do an operation, or let it go wrong if it is the one."""
        place = self._place(path)
        if place is None:
            return act()
        self.done.append((name, place))
        if len(self.done) != self.at or (self.kind == "torn" and torn is None):
            return act()
        if self.kind == "torn":
            assert torn is not None
            torn()
        elif self.kind in ("after", "lost reply"):
            act()
        if self.kind in CRASHES:
            os._exit(EXIT_CODE)
        code = _ERRNO[self.kind]
        raise OSError(code, os.strerror(code), path)

    def _place(self, path: str) -> str | None:
        if not any(path.startswith(f"{folder}/") or path == str(folder) for folder in self.below):
            return None
        frame = sys._getframe(2)
        while frame is not None:
            if frame.f_code.co_filename.startswith(_PRODUCT):
                module = Path(frame.f_code.co_filename).relative_to(ROOT).as_posix()
                return f"{module}:{frame.f_code.co_name}"
            frame = frame.f_back  # type: ignore[assignment]
        return None


class _File:
    """A file whose writes are operations."""

    def __init__(self, inner: Any, path: str, operations: Operations) -> None:
        self._inner, self._path, self._operations = inner, path, operations

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *error: object) -> None:
        self._inner.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inner)

    def write(self, data: Any) -> Any:
        # Without a buffer: a crash leaves exactly the writes that were done.
        def act() -> Any:
            count = self._inner.write(data)
            self._inner.flush()
            return count

        def torn() -> None:
            self._inner.write(data[: len(data) // 2])
            self._inner.flush()

        return self._operations.apply("write", self._path, act, torn)

    def truncate(self, size: int | None = None) -> Any:
        return self._operations.apply("truncate", self._path, lambda: self._inner.truncate(size))


@contextlib.contextmanager
def watched(operations: Operations) -> Iterator[Operations]:
    """Let an instrument see and disturb the file operations of this process."""
    undo: list[tuple[Any, str, Any]] = []

    def put(module: Any, name: str, wrapped: Any) -> None:
        undo.append((module, name, getattr(module, name)))
        setattr(module, name, wrapped)

    for name in ("replace", "rename", "link"):
        put(os, name, _of_two(operations, name, getattr(os, name)))
    for name in ("unlink", "remove", "mkdir", "rmdir", "open"):
        put(os, name, _of_path(operations, name, getattr(os, name)))
    for name in ("fsync", "ftruncate"):
        put(os, name, _of_handle(operations, name, getattr(os, name)))
    opened = _opening(operations, io.open)
    put(io, "open", opened)
    put(builtins, "open", opened)
    try:
        yield operations
    finally:
        for module, name, original in reversed(undo):
            setattr(module, name, original)


def _of_two(operations: Operations, name: str, original: Any) -> Any:
    def wrapped(source: Any, target: Any, **options: Any) -> Any:
        return operations.apply(name, os.fspath(target), lambda: original(source, target, **options))

    return wrapped


def _of_path(operations: Operations, name: str, original: Any) -> Any:
    def wrapped(path: Any, *rest: Any, dir_fd: int | None = None, **options: Any) -> Any:
        where = os.fspath(path) if dir_fd is None else f"{os.readlink(f'/proc/self/fd/{dir_fd}')}/{os.fspath(path)}"
        keywords = {**options, **({} if dir_fd is None else {"dir_fd": dir_fd})}
        return operations.apply(name, where, lambda: original(path, *rest, **keywords))

    return wrapped


def _of_handle(operations: Operations, name: str, original: Any) -> Any:
    def wrapped(handle: Any, *rest: Any) -> Any:
        number = handle if isinstance(handle, int) else handle.fileno()
        return operations.apply(name, os.readlink(f"/proc/self/fd/{number}"), lambda: original(handle, *rest))

    return wrapped


def _opening(operations: Operations, original: Any) -> Any:
    def wrapped(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if isinstance(file, int):
            return original(file, mode, *rest, **options)
        path = os.fspath(file)
        path = os.path.abspath(path.decode() if isinstance(path, bytes) else path)
        writes = any(letter in mode for letter in "wax+")
        inner = operations.apply("open" if writes else "read", path, lambda: original(file, mode, *rest, **options))
        inside = any(path.startswith(f"{folder}/") for folder in operations.below)
        return _File(inner, path, operations) if writes and inside else inner

    return wrapped
