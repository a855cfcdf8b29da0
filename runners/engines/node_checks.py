"""Checks that run on each node of a cluster before the first trial: plain functions, usable in any process."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from runners.sweep_files.code_version import code_hashes
from runners.worker.software import versions_here
from seatbelt.data.datasets.dataset import fingerprint, read
from seatbelt.errors import UserError
from seatbelt.machine.cache_folder import cache_folder
from seatbelt.storage.base import is_remote, open_storage

_COUNT_GPUS = "import torch; print(torch.cuda.device_count() if torch.cuda.is_available() else 0)"
"""`device_count` alone reads NVML, which also lists GPUs that the driver is too old for."""
_PATIENCE_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class LocalFault:
    """One problem of the machine that the check runs on."""

    what: str
    advice: str


@dataclass(frozen=True, kw_only=True)
class NodeQuestion:
    """Request to a node."""

    storage: str | None = None
    """Location of the sweep; None checks no storage."""
    probe: str = ""
    """Name of the file that the node writes there."""
    data: tuple[tuple[str, str], ...] = ()
    """Folder and fingerprint of each data set."""
    count_gpus: bool = False


@dataclass(frozen=True, kw_only=True)
class NodeReport:
    """Report of a node."""

    versions: dict[str, str]
    code: dict[str, str]
    free_bytes: int
    """Free disk space at the decoded cache."""
    cached: tuple[str, ...] = ()
    """Names of the decoded caches on the node."""
    gpus: int | None = None
    """GPUs that torch sees."""
    faults: tuple[LocalFault, ...] = ()
    """Faults of storage and data."""
    wrote: bool = False
    """The node wrote its probe."""


def report(question: NodeQuestion) -> NodeReport:
    """Return the report of this machine."""
    folder = cache_folder()
    unwritable = _write_fault(question)
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return NodeReport(
        versions=versions_here(),
        code=code_hashes(),
        free_bytes=shutil.disk_usage(existing).free,
        cached=tuple(sorted(path.parent.name for path in (folder / "decoded").glob("*/complete.json"))),
        gpus=_gpus() if question.count_gpus else None,
        faults=(*([unwritable] if unwritable else []), *_data_faults(question)),
        wrote=question.storage is not None and unwritable is None,
    )


def write_probe(storage: str, name: str, text: str) -> None:
    """Write a small file at the location of a sweep.

    Raises:
        OSError: It cannot be written.
    """
    if not is_remote(storage) and not Path(storage).is_dir():
        # Make nothing in place of storage that is not mounted.
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if not open_storage(storage).create(f"state/{name}", text.encode()):
        raise FileExistsError(f"{storage}/state/{name} exists")


def read_probe(storage: str, name: str) -> str:
    """Read a small file at the location of a sweep.

    Raises:
        OSError: It cannot be read.
    """
    return open_storage(storage).read(f"state/{name}").decode()


def unread_probes(storage: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the probes of other nodes that cannot be read here."""
    unread = []
    for name in names:
        try:
            intact = read_probe(storage, name) == name
        except OSError:
            intact = False
        if not intact:
            unread.append(name)
    return tuple(unread)


def remove_probe(storage: str, name: str) -> None:
    """Remove a probe, if it is there."""
    open_storage(storage).remove(f"state/{name}")


def _gpus() -> int:
    """Count GPUs in another process, because Ray hides them from a task that asked for none."""
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    try:
        process = subprocess.run(
            [sys.executable, "-c", _COUNT_GPUS],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=True,
        )
        return int(process.stdout.split()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError):
        return 0


def _write_fault(question: NodeQuestion) -> LocalFault | None:
    if question.storage is None:
        return None
    try:
        write_probe(question.storage, question.probe, question.probe)
    except OSError as error:
        return LocalFault(
            what=f"the sweep folder {question.storage} cannot be written there ({error.strerror or error})",
            advice="mount the same storage at the same place on every node",
        )
    return None


def _data_faults(question: NodeQuestion) -> list[LocalFault]:
    faults = []
    for place, expected in question.data:
        try:
            present = fingerprint(read(Path(place)))
        except UserError as error:
            faults.append(LocalFault(what=str(error), advice=f"bring {place} to the node, or to shared storage"))
            continue
        if present != expected:
            faults.append(
                LocalFault(
                    what=f"data set {place} is another one there (fingerprint {present[:12]}, not {expected[:12]})",
                    advice="bring the same data to every node, best on shared storage",
                )
            )
    return faults
