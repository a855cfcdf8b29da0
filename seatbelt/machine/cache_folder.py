"""The cache folder of this machine."""

from __future__ import annotations

import os
from pathlib import Path

from seatbelt.machine.home import CACHE_VARIABLE, expand, home_folder


def cache_folder() -> Path:
    """Return the cache folder of this node: SEATBELT_CACHE, or the user's cache folder.

    Raises:
        UserError: Neither exists.
    """
    base = os.environ.get(CACHE_VARIABLE)
    if base:
        return expand(base)
    return expand(os.environ.get("XDG_CACHE_HOME") or home_folder() / ".cache") / "seatbelt"
