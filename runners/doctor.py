"""Checks of a machine, each with what was found and what to do."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from dataclasses import dataclass

from seatbelt.cache_folder import cache_folder
from seatbelt.errors import UserError, WeightsNotFoundError

_PACKAGES = ("torch", "ray", "segmentation-models-pytorch", "albumentations", "optuna", "pandas", "pyarrow")
_LEAST_DISK_GIB = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check."""

    what: str
    ok: bool
    found: str


def examine(*, start_ray: bool = True) -> list[Finding]:
    """Check packages, devices, weights, disk, and that Ray starts here."""
    findings = [_python(), *_packages(), _devices(), *_weights(), _disk()]
    if start_ray:
        findings.append(_ray())
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(what="Python", ok=sys.version_info >= (3, 11), found=f"{version}, {os.cpu_count()} CPUs")


def _packages() -> list[Finding]:
    findings = []
    for name in _PACKAGES:
        try:
            findings.append(Finding(what=name, ok=True, found=importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            findings.append(Finding(what=name, ok=False, found="missing; pip install -e . installs it"))
    return findings


def _devices() -> Finding:
    import torch

    count = torch.cuda.device_count()
    names = ", ".join(torch.cuda.get_device_name(i) for i in range(count))
    return Finding(what="GPUs", ok=True, found=names or "none: trials run on the CPU")


def _weights() -> list[Finding]:
    from seatbelt.config import ENCODERS
    from seatbelt.models.weights import resolve

    findings = []
    for encoder in ENCODERS:
        try:
            source = resolve(encoder, "imagenet").source
        except WeightsNotFoundError:
            source = "not on this machine: --fix weights=none, or a file with --fix weights=file:PATH"
        findings.append(Finding(what=f"ImageNet weights of {encoder}", ok=True, found=source))
    return findings


def _disk() -> Finding:
    folder = cache_folder()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 2**30
    return Finding(what="free disk for caches", ok=free >= _LEAST_DISK_GIB, found=f"{free:.0f} GiB at {folder}")


def _ray() -> Finding:
    from runners.engines.cluster import Resources, probe

    try:
        return Finding(what="Ray", ok=True, found=probe(Resources()))
    except UserError as error:
        return Finding(what="Ray", ok=False, found=str(error))
