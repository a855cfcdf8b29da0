"""The cost of one architecture at one input size, as a record that needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Parameters, seconds and memory of a training step."""

    parameters: int
    """Trainable parameters."""
    forward_seconds: float
    """Seconds per image of a forward pass in training; with one thread on a CPU."""
    backward_seconds: float
    """Seconds per image of the backward pass."""
    memory_bytes: int
    """Peak memory of a training step on one batch: measured on CUDA, otherwise estimated without the workspace of
    kernels."""
