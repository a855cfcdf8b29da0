"""What one architecture costs at one input size: a record, without the torch that measures it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Parameters, seconds and memory of a training step."""

    parameters: int
    """Trainable parameters."""
    forward_seconds: float
    """Per image, of a forward pass in training; one thread on a CPU."""
    backward_seconds: float
    """Per image, of the backward pass."""
    memory_bytes: int
    """Peak of a training step with a batch: on CUDA measured, else an estimate without what kernels use besides."""
