"""How the C library keeps memory that pictures were in."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # (mallopt(3))
_PICTURE = 32 * 2**20
_KEPT = 128 * 2**20


def reuse_freed_memory() -> bool:
    """Let this process reuse the memory of freed pictures instead of giving it back.

    glibc returns blocks of a picture's size to the kernel at once and gets new ones page by page: at 848x480 that
    takes longer than most augmentations. Up to 128 MB stay with the process. No result depends on it.

    Returns:
        Whether it was set: other C libraries have no such switch, and are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _PICTURE)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT))
