"""Where caches of this machine lie."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return where caches of this node lie: SEATBELT_CACHE, or the user's cache folder."""
    base = os.environ.get("SEATBELT_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seatbelt"
