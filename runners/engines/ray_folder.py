"""Chooses the folder of Ray's sockets and logs: writable, with a short path."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from seatbelt.errors import UserError

_LONGEST = 30
"""Longest path in characters: a socket's path may have 107, of which Ray's folders take up to 75."""

_PLACES = ("/tmp", "/var/tmp", "/dev/shm")


def check_temporary_folder() -> None:
    """Check that temporary files can be written.

    Raises:
        UserError: They cannot.
    """
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"some bytes")
    except OSError as error:
        raise UserError(
            f"no temporary file can be written ({error.strerror or error}); set TMPDIR to a writable folder with free "
            "space, or free some"
        ) from None


def ray_folder() -> str | None:
    """Return a folder for Ray's sockets and logs; None if Ray's own choice works.

    Raises:
        UserError: No folder works.
    """
    chosen = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or _PLACES[0]
    if _is_fit(chosen):
        return None
    for place in _PLACES:
        if _is_fit(place):
            return os.path.join(place, "ray")
    raise UserError(
        f"Ray needs a folder with a short path for its sockets, but {chosen} cannot be used and neither can "
        f"{', '.join(_PLACES)}; set RAY_TMPDIR to a folder of at most {_LONGEST} characters that you can write"
    )


def _is_fit(place: str) -> bool:
    # Another user's Ray may have made the folder in it.
    folder, ours = Path(place), Path(place) / "ray"
    if len(os.fsencode(os.path.abspath(place))) > _LONGEST or not folder.is_dir():
        return False
    return os.access(ours if ours.exists() else folder, os.W_OK | os.X_OK)
