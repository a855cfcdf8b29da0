"""The user's home folder, which a container running under a numeric user id does not have."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path

from seatbelt.errors import UserError

CACHE_VARIABLE = "SEATBELT_CACHE"

_OPTION_WITH_TILDE = re.compile(r"(--[\w-]+=)(~[\w.-]*(?:/.*)?)", re.DOTALL)
_NAMES_OF_USER = ("LOGNAME", "USER", "LNAME", "USERNAME")


def home_folder() -> Path:
    """Return the home folder.

    Raises:
        UserError: There is none.
    """
    try:
        return Path.home()
    except RuntimeError:
        raise UserError(
            f"there is no home folder: HOME is not set, and the system knows no user {os.getuid()}; set "
            f"{CACHE_VARIABLE} or HOME to a folder that can be written"
        ) from None


def expand(path: str | os.PathLike[str]) -> Path:
    """Return a path with a home folder in place of a leading `~` or `~user`.

    Raises:
        UserError: The home folder is unknown.
    """
    text = os.fspath(path)
    if not text.startswith("~"):
        return Path(text)
    if text.partition("/")[0] == "~":
        return home_folder() / text[2:]
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UserError(f"{text}: the system knows no such user; write out the path") from None


def expand_options(arguments: list[str]) -> list[str]:
    """Return command-line arguments with `--option=~/x` expanded, which shells leave unexpanded.

    Raises:
        UserError: The home folder is unknown.
    """
    matches = [_OPTION_WITH_TILDE.fullmatch(argument) for argument in arguments]
    return [
        argument if match is None else f"{match[1]}{expand(match[2])}"
        for argument, match in zip(arguments, matches, strict=True)
    ]


def provide_user() -> None:
    """Set a home folder and a user name for libraries and child processes if the machine has none.

    Ray, torch and matplotlib need both. The home is the cache folder if the user named one.
    """
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        if not any(os.environ.get(name) for name in _NAMES_OF_USER):
            os.environ["USER"] = f"user-{os.getuid()}"
        cache = os.environ.get(CACHE_VARIABLE)
        if not os.environ.get("HOME") and cache:
            os.environ["HOME"] = os.path.abspath(expand(cache))
