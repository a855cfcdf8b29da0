"""The GPUs of this machine: those that NVIDIA's library (NVML) lists, and those that torch can use.

Torch counts no GPU if the driver is older than its CUDA needs, and a sweep would run on the CPU unnoticed. So the two
lists are compared before anything runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

_TEXT_BYTES = 96
_NEEDED_DRIVER = {13: 580, 12: 525, 11: 450}
"""Major version of CUDA -> the oldest driver (NVIDIA, "CUDA compatibility", minor-version compatibility)."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU, as NVML lists it."""

    name: str
    uuid: str
    is_divided: bool = False
    """MIG: CUDA sees at most one of its parts."""


@dataclass(frozen=True, kw_only=True)
class Gpus:
    """The GPUs of a machine."""

    driver: str | None
    """Version of NVIDIA's driver; None without NVML."""
    listed: tuple[Gpu, ...]
    """All GPUs in NVML's list."""
    visible: int
    """Number of GPUs that CUDA_VISIBLE_DEVICES leaves."""
    usable: int
    """Number of GPUs that torch can use."""
    torch: str
    cuda: str | None
    """CUDA version of the torch build; None for a build without CUDA."""
    reason: str = ""
    """Torch's reason if it can use none."""


@dataclass(frozen=True, kw_only=True)
class GpuFault:
    """Why torch cannot use all GPUs of a machine."""

    what: str
    advice: str


def examine_gpus() -> Gpus:
    """List the GPUs, and count those that torch can use."""
    import torch

    driver, listed = list_gpus()
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        usable = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return Gpus(
        driver=driver,
        listed=listed,
        visible=visible_count(listed, os.environ.get("CUDA_VISIBLE_DEVICES")),
        usable=usable,
        torch=torch.__version__,
        cuda=torch.version.cuda,
        reason=next((str(warning.message).splitlines()[0] for warning in messages), ""),
    )


def gpu_fault(gpus: Gpus) -> GpuFault | None:
    """Return why torch cannot use all visible GPUs; None if it can."""
    if gpus.usable >= gpus.visible:
        return None
    name = f"{gpus.visible} {gpus.listed[0].name}" if gpus.visible > 1 else gpus.listed[0].name
    what = f"the machine has {name} (NVIDIA driver {gpus.driver}), but torch {gpus.torch} can use {gpus.usable}"
    return GpuFault(what=what + (f" ({gpus.reason})" if gpus.reason else ""), advice=_advice(gpus))


def _advice(gpus: Gpus) -> str:
    if gpus.cuda is None:
        return "install a build of torch with CUDA: this one has none"
    needed = _NEEDED_DRIVER.get(int(gpus.cuda.split(".")[0]))
    present = re.match(r"\d+", gpus.driver or "")
    if needed is not None and present and int(present.group()) < needed:
        fitting = next((major for major, least in _NEEDED_DRIVER.items() if int(present.group()) >= least), None)
        other = f", or a torch that is built for CUDA {fitting}" if fitting is not None else ""
        return f"install NVIDIA driver {needed} or newer, which CUDA {gpus.cuda} of this torch needs{other}"
    if gpus.usable:
        return "look at the others with nvidia-smi, or exclude them by CUDA_VISIBLE_DEVICES"
    return "look at them with nvidia-smi, restart the machine or its container, or reinstall the driver"


def visible_count(listed: tuple[Gpu, ...], variable: str | None) -> int:
    """Return the number of GPUs that CUDA sees; an empty CUDA_VISIBLE_DEVICES means the CPU.

    Args:
        listed: The GPUs of the machine.
        variable: Value of CUDA_VISIBLE_DEVICES; None if it is not set.
    """
    if variable is None:
        # On a machine with divided GPUs CUDA sees a single part.
        return 1 if any(gpu.is_divided for gpu in listed) else len(listed)
    chosen: set[str] = set()
    for word in (part.strip() for part in variable.split(",")):
        exists = int(word) < len(listed) if word.isdigit() else _names_one(word, listed)
        if not exists or word in chosen:
            # CUDA ignores everything after an unknown name, and all names if one is repeated.
            return 0 if word in chosen else len(chosen)
        chosen.add(word)
    return len(chosen)


def _names_one(word: str, listed: tuple[Gpu, ...]) -> bool:
    return word.startswith("MIG-") or (word.startswith("GPU-") and any(gpu.uuid.startswith(word) for gpu in listed))


def uuid_of(identity: str) -> str | None:
    """Return the UUID of a GPU by the index or UUID that Ray uses; None if NVML does not know it."""
    if not identity.isdigit():
        return identity
    listed = list_gpus()[1]
    return listed[int(identity)].uuid if int(identity) < len(listed) else None


def list_gpus() -> tuple[str | None, tuple[Gpu, ...]]:
    """Return the version of NVIDIA's driver and the GPUs; (None, ()) if NVML is missing or refuses."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
        with _opened(library):
            driver = _text(library, "nvmlSystemGetDriverVersion")
            count = ctypes.c_uint()
            _call(library, "nvmlDeviceGetCount_v2", ctypes.byref(count))
            return driver, tuple(_gpu(library, index) for index in range(count.value))
    except (OSError, AttributeError):
        return None, ()


@contextlib.contextmanager
def _opened(library: ctypes.CDLL) -> Iterator[None]:
    _call(library, "nvmlInit_v2")
    try:
        yield
    finally:
        library.nvmlShutdown()


def _gpu(library: ctypes.CDLL, index: int) -> Gpu:
    device, present, pending = ctypes.c_void_p(), ctypes.c_uint(), ctypes.c_uint()
    _call(library, "nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(device))
    # A GPU that cannot be divided answers with an error.
    code = library.nvmlDeviceGetMigMode(device, ctypes.byref(present), ctypes.byref(pending))
    return Gpu(
        name=_text(library, "nvmlDeviceGetName", device),
        uuid=_text(library, "nvmlDeviceGetUUID", device),
        is_divided=code == 0 and present.value == 1,
    )


def _text(library: ctypes.CDLL, function: str, *arguments: ctypes.c_void_p) -> str:
    buffer = ctypes.create_string_buffer(_TEXT_BYTES)
    _call(library, function, *arguments, buffer, ctypes.c_uint(_TEXT_BYTES))
    return buffer.value.decode(errors="replace")


def _call(library: ctypes.CDLL, function: str, *arguments: object) -> None:
    code = getattr(library, function)(*arguments)
    if code:
        raise OSError(code, f"NVML: {function} failed")
