"""Where an export goes: a new file or folder, which is there as a whole or not at all."""

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
    """Yield a path beside the place, where a file or folder is to be made; it takes its place when all went well.

    Args:
        option: For messages, such as `--optuna`.
        place: What the user asked for.
        source: The sweeps, which it must not lie in.

    Raises:
        UserError: Something is there already, there is no folder for it, or it is no place for an export.
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
    """Return where a target will be, without making anything.

    Raises:
        UserError: See `new_target`.
    """
    if is_remote(place):
        raise UserError(f"{option} {place} is in a bucket; give a place on this machine")
    # The last part itself may be a link that leads nowhere: it is taken too.
    given = Path(os.path.abspath(place))
    if not place or os.path.lexists(given):
        raise UserError(_taken(option, place) if place else f"{option} needs the name of what is to be written")
    if not given.parent.is_dir():
        raise UserError(f"{option} {place}: there is no folder {given.parent}; make it first")
    target = Path(os.path.realpath(given.parent)) / given.name
    for _, sweep in source.parts:
        if not is_remote(sweep.root) and target.is_relative_to(os.path.realpath(sweep.root)):
            raise UserError(
                f"{option} {place} lies in the sweep {sweep.root}, whose files are its own; give another place"
            )
    return target


def _taken(option: str, place: str) -> str:
    return f"{option} {place} is there already, and an export overwrites nothing; remove it, or give another name"


def _publish(part: Path, target: Path) -> None:
    """Give what was made its name, unless something else has it by now."""
    if part.is_dir():
        # Onto a folder that holds anything, or onto a file, this fails.
        os.rename(part, target)
        return
    try:
        os.link(part, target)
    except PermissionError:
        # A file system without hard links.
        if os.path.lexists(target):
            raise
        os.rename(part, target)


def _sync(path: Path) -> None:
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
