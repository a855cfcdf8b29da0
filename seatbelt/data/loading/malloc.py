"""Memory settings of the C library."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # (mallopt(3))
_PICTURE_BYTES = 32 * 2**20
_RETAINED_BYTES = 128 * 2**20


def reuse_freed_memory() -> bool:
    """Let this process reuse the memory of freed pictures instead of returning it.

    glibc returns blocks of a picture's size to the kernel at once and gets new ones page by page, which takes longer
    than most augmentations at 848x480. Up to 128 MB stay with the process. No result depends on it.

    Returns:
        True if it was set; other C libraries have no such setting.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _PICTURE_BYTES)) and bool(mallopt(_TRIM_THRESHOLD, _RETAINED_BYTES))
