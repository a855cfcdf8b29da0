"""Target of an export: a new file or folder, written completely or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from analysis.reading.tables import Source
from seatbelt.errors import UserError
from seatbelt.storage.base import is_remote, sync_folder


@contextlib.contextmanager
def new_target(option: str, place: str, source: Source) -> Iterator[Path]:
    """Yield a temporary path for a file or folder, which becomes the target once all went well.

    Args:
        option: Option for messages, such as `--optuna`.
        place: Path of the target.
        source: The sweeps, which must not contain it.

    Raises:
        UserError: The target exists already, its folder is missing, or it lies in a sweep or a bucket.
    """
    target = checked_target(option, place, source)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}-", suffix=".part", dir=target.parent))
    try:
        part = beside / target.name
        yield part
        _sync(part)
        try:
            _publish(part, target)
        except OSError as error:
            if os.path.lexists(target):
                raise UserError(_taken(option, place)) from None
            raise OSError(error.errno, error.strerror, place) from None
        sync_folder(target.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def checked_target(option: str, place: str, source: Source) -> Path:
    """Return the path of a target without making it.

    Raises:
        UserError: See `new_target`.
    """
    if is_remote(place):
        raise UserError(f"{option} {place} is in a bucket; give a place on this machine")
    # A dangling link counts as existing too.
    path = Path(os.path.abspath(place))
    if not place or os.path.lexists(path):
        raise UserError(_taken(option, place) if place else f"{option} needs the name of what is to be written")
    if not path.parent.is_dir():
        raise UserError(f"{option} {place}: there is no folder {path.parent}; make it first")
    target = Path(os.path.realpath(path.parent)) / path.name
    for _, sweep in source.parts:
        if not is_remote(sweep.root) and target.is_relative_to(os.path.realpath(sweep.root)):
            raise UserError(f"{option} {place} lies in the sweep {sweep.root}; give a place outside of it")
    return target


def _taken(option: str, place: str) -> str:
    return f"{option} {place} is there already, and an export overwrites nothing; remove it, or give another name"


def _publish(part: Path, target: Path) -> None:
    """Give the finished file or folder its name, unless something else has it by now."""
    if part.is_dir():
        # This fails if the target is a file or a folder that is not empty.
        os.rename(part, target)
        return
    try:
        os.link(part, target)
    except PermissionError:
        # The file system has no hard links.
        if os.path.lexists(target):
            raise
        os.rename(part, target)


def _sync(path: Path) -> None:
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
