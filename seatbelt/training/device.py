"""Where and how a trial runs: a value that never changes what it computes, the thread count aside."""

from __future__ import annotations

import functools
import os
import platform
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import torch

from seatbelt.errors import UserError
from seatbelt.machine.packages import NUMERIC_PACKAGES, installed_versions


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Resources of one leg."""

    device: str = "cpu"
    """A torch device, such as `cpu`, `cuda` or `cuda:1`."""
    threads: int = 1
    """Threads of torch's CPU operators: part of what bit-for-bit equality needs."""
    workers: int = 0
    """Loader processes; 0 loads in the training process."""
    checkpoint_share: float = 0.05
    """At most this share of the time goes into checkpoints; 1 saves after every epoch."""
    gpu_share: float | None = None
    """Share of a GPU's memory that this process may take; None is all that is free."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What made a result, besides its configuration."""

    device: str
    threads: int
    host: str
    versions: dict[str, str]
    git_commit: str | None


def choose_device(name: str) -> str:
    """Return a usable torch device; `auto` is CUDA where there is one.

    Raises:
        UserError: The device is not known to torch or not on this machine.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    reason = why_unusable(name)
    if reason is not None:
        raise UserError(f"device {name!r} cannot be used ({reason}); try --device auto")
    return name


def why_unusable(name: str) -> str | None:
    """Return why torch cannot use a device, None if it can."""
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        return (str(error).strip() or type(error).__name__).splitlines()[0]
    return None


def prepare(execution: Execution) -> None:
    """Set what torch keeps per process: threads, memory, and that numbers too small to matter become zero."""
    torch.set_num_threads(execution.threads)
    # Adam's moments decay into denormal numbers, which some processors handle many times slower.
    torch.set_flush_denormal(True)
    share = execution.gpu_share
    if share is not None and 0 < share < 1 and execution.device.startswith("cuda"):
        # Ray's fractions of a GPU are bookkeeping: without this, one trial could crowd out its neighbours.
        torch.cuda.set_per_process_memory_fraction(share)


def provenance(execution: Execution) -> Provenance:
    """Return what a leg with these resources runs on."""
    device = execution.device
    if device.startswith("cuda"):
        device = f"{device} {torch.cuda.get_device_name(device)}"
    return Provenance(
        device=device,
        threads=execution.threads,
        host=socket.gethostname(),
        versions={"python": platform.python_version(), **installed_versions(NUMERIC_PACKAGES)},
        git_commit=git_commit(),
    )


@functools.cache
def git_commit() -> str | None:
    """Return the commit of the checkout that this package runs from, `-dirty` if changed; None if installed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        command = [
            "git",
            "-C",
            os.fspath(root),
            "describe",
            "--always",
            "--dirty",
            "--abbrev=12",
            "--exclude=*",
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
