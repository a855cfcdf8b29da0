"""How many trials share a GPU: from the memory that one needs and the smallest GPU there is."""

from __future__ import annotations

import math
from collections.abc import Sequence

RESERVE = 2**30
"""Bytes of each process besides its tensors: CUDA's context and the libraries' kernels (ours)."""

MARGIN = 1.25
"""What kernels take beyond the profile, and what fragments of memory are lost (ours)."""


def gpu_share(trial_bytes: int, gpu_bytes: Sequence[int]) -> float:
    """Return the share of a GPU to give to each trial, so that equal trials fill the smallest GPU.

    Ray counts in steps of 0.0001, so that 1/3 becomes 0.3333. A trial that needs more than there is gets a whole
    GPU: it may still fit in smaller parts of its batches.

    Args:
        trial_bytes: Memory of the largest trial, from its profile.
        gpu_bytes: Memory of each GPU.
    """
    if trial_bytes <= 0 or not gpu_bytes or min(gpu_bytes) <= 0:
        raise ValueError(f"memory must be above 0, but got {trial_bytes=}, {gpu_bytes=}")
    trials = max(1, int(min(gpu_bytes) // needed_bytes(trial_bytes)))
    return math.floor(10_000 / trials) / 10_000


def needed_bytes(trial_bytes: int) -> float:
    """Return what a trial takes of a GPU's memory, from what its profile says."""
    return trial_bytes * MARGIN + RESERVE


def packing_text(trial_bytes: int, gpu_bytes: Sequence[int]) -> str:
    """Return what was decided, in words."""
    share, needed, smallest = gpu_share(trial_bytes, gpu_bytes), needed_bytes(trial_bytes), min(gpu_bytes)
    sizes = f"the largest trial needs about {_gib(needed)}, the smallest GPU has {_gib(smallest)}"
    if needed > smallest:
        return f"GPUs: {sizes}: one for each trial, which may train in smaller parts or end as OUT_OF_MEMORY"
    return f"GPUs: {sizes}: {share:g} of a GPU for each trial"


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
