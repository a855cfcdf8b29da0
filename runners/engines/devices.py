"""What a sweep runs on: whether it can have the device that was asked for, and what `auto` comes to."""

from __future__ import annotations

from runners.engines.gpus import examine_gpus, gpu_fault
from seatbelt.errors import UserError


def check_devices(device: str, *, engine: str, address: str | None) -> None:
    """Check that this machine's GPUs can be used before a sweep begins here; the nodes of a cluster are asked later.

    Args:
        device: As the user names it.
        engine: `ray` or `in-process`.
        address: Of a running cluster.

    Raises:
        UserError: Torch cannot use GPUs that the machine has, or that were asked for.
    """
    kind, _, index = device.partition(":")
    if engine == "ray" and kind == "cuda" and index:
        raise UserError(
            f"--device {device} names a GPU, but Ray hands them out: say --device cuda, and which by "
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
            f"--device {device}: torch can use {gpus.usable} GPUs on this machine; say --device auto or cpu"
        )


def device_text(device: str, gpus: float) -> str:
    """Return in words what trials run on, for the user.

    Args:
        device: As the user names it.
        gpus: GPUs of a trial.
    """
    if device != "auto":
        return f"device {device}: trials take nothing else"
    if gpus:
        return f"device auto: CUDA, with {gpus:g} GPU{'s' if gpus > 1 else ''} for each trial"
    return "device auto: the CPU, for there is no GPU for trials"


def device_text_here(device: str) -> str:
    """Return in words what trials in this process run on."""
    from seatbelt.training.device import choose_device

    return device_text(device, 1.0 if device == "auto" and choose_device("auto") != "cpu" else 0.0)
