"""How many trials share a GPU, from the memory of one trial and the smallest GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

RESERVE = 2**30
"""Memory of each process besides its tensors, bytes: CUDA's context and the libraries' kernels (our estimate)."""

MARGIN = 1.25
"""Factor for the workspace of kernels and for fragmentation (our estimate)."""


def gpu_share(trial_bytes: int, gpu_bytes: Sequence[int]) -> float:
    """Return the share of a GPU for each trial, so that equal trials fill the smallest GPU.

    Ray counts in steps of 0.0001, so that 1/3 becomes 0.3333. A trial that needs more than a GPU gets a whole one: it
    may still fit with smaller parts of its batches.

    Args:
        trial_bytes: Memory of the largest trial, from its profile.
        gpu_bytes: Memory of each GPU.
    """
    if trial_bytes <= 0 or not gpu_bytes or min(gpu_bytes) <= 0:
        raise ValueError(f"memory must be above 0, but got {trial_bytes=}, {gpu_bytes=}")
    trials = max(1, int(min(gpu_bytes) // needed_bytes(trial_bytes)))
    return math.floor(10_000 / trials) / 10_000


def needed_bytes(trial_bytes: int) -> float:
    """Return the memory of a trial on a GPU in bytes, from the memory of its profile."""
    return trial_bytes * MARGIN + RESERVE


def packing_text(trial_bytes: int, gpu_bytes: Sequence[int]) -> str:
    """Return the decision in words."""
    share, needed, smallest = gpu_share(trial_bytes, gpu_bytes), needed_bytes(trial_bytes), min(gpu_bytes)
    sizes = f"the largest trial needs about {_gib(needed)}, the smallest GPU has {_gib(smallest)}"
    if needed > smallest:
        return f"GPUs: {sizes}: one for each trial, which may train in smaller parts or end as OUT_OF_MEMORY"
    return f"GPUs: {sizes}: {share:g} of a GPU for each trial"


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
