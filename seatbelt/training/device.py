"""Where and how a trial runs. Except for the number of threads, nothing here changes its numbers."""

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
    """Threads of torch's CPU operators; equal numbers bit for bit need the same number of threads."""
    workers: int = 0
    """Loader processes; 0 loads in the training process."""
    checkpoint_share: float = 0.05
    """Largest share of the time spent on checkpoints; 1 saves after every epoch."""
    gpu_share: float | None = None
    """Share of the GPU's memory that this process may take; None for all free memory."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """The origin of a result besides its configuration."""

    device: str
    threads: int
    host: str
    versions: dict[str, str]
    git_commit: str | None


def choose_device(name: str) -> str:
    """Return a usable torch device; `auto` is CUDA where there is one.

    Raises:
        UserError: Torch does not know the device, or this machine does not have it.
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
    """Set torch's options of the process: threads, memory limit, and flushing of denormal numbers to zero."""
    torch.set_num_threads(execution.threads)
    # Adam's moments decay into denormal numbers, which are many times slower on some processors.
    torch.set_flush_denormal(True)
    share = execution.gpu_share
    if share is not None and 0 < share < 1 and execution.device.startswith("cuda"):
        # Ray's GPU fractions are only bookkeeping: without this limit one trial could crowd out its neighbours.
        torch.cuda.set_per_process_memory_fraction(share)


def provenance(execution: Execution) -> Provenance:
    """Return the provenance of a leg with these resources."""
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
