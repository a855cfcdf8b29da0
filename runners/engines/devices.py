"""The device of a sweep: whether it can be used, and what `auto` means here."""

from __future__ import annotations

from runners.engines.gpus import examine_gpus, gpu_fault
from seatbelt.errors import UserError
from seatbelt.training.device import choose_device


def check_devices(device: str, *, engine: str, address: str | None) -> None:
    """Check this machine's GPUs before a sweep begins here; the preflight checks the nodes of a cluster.

    Args:
        device: The user's --device.
        engine: `ray` or `in-process`.
        address: Address of a running cluster, or None.

    Raises:
        UserError: Torch cannot use the GPUs of the machine or the device.
    """
    kind, _, index = device.partition(":")
    if engine == "ray" and kind == "cuda" and index:
        raise UserError(
            f"--device {device} names a GPU, but Ray hands them out: use --device cuda with "
            f"CUDA_VISIBLE_DEVICES={index}, or run with --engine in-process"
        )
    if address is not None or kind not in ("auto", "cuda"):
        return
    gpus = examine_gpus()
    fault = gpu_fault(gpus)
    if fault is not None:
        raise UserError(f"{fault.what}; {fault.advice}; an empty CUDA_VISIBLE_DEVICES trains on the CPU")
    if kind == "cuda" and gpus.usable <= int(index if index.isdigit() else 0):
        raise UserError(
            f"--device {device}: torch can use {gpus.usable} GPUs on this machine; use --device auto or cpu"
        )


def device_text(device: str, gpus: float) -> str:
    """Return a description of the device of trials.

    Args:
        device: The user's --device.
        gpus: GPUs of a trial.
    """
    if device != "auto":
        return f"device {device}: trials use nothing else"
    if gpus:
        return f"device auto: CUDA, with {gpus:g} GPU{'s' if gpus > 1 else ''} for each trial"
    return "device auto: the CPU, for there is no GPU for trials"


def device_text_here(device: str) -> str:
    """Return a description of the device of trials in this process."""
    return device_text(device, 1.0 if device == "auto" and choose_device("auto") != "cpu" else 0.0)
