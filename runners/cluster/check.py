"""Checks cluster files of Ray, KubeRay and SLURM, without a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from runners.cluster import access, costs, pins, ray_schema
from runners.cluster.kuberay import check_rayjob
from runners.cluster.problems import Problem, error, warning
from runners.cluster.slurm import check_script
from seatbelt.errors import UserError
from seatbelt.storage.base import read_file

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]+>")

RAY_CHECKS: tuple[Callable[[dict[str, Any]], Iterator[Problem]], ...] = (
    ray_schema.check_schema,
    ray_schema.check_names,
    access.check_addresses,
    access.check_security_groups,
    access.check_token,
    access.check_disks,
    pins.check_packages,
    pins.check_images,
    pins.check_machine_images,
    costs.check_storage,
    costs.check_decoded,
    costs.check_workers,
    costs.check_idle,
    costs.check_spot,
    costs.check_head,
)


def check_file(path: Path, *, to_start: bool = False, allow_insecure: bool = False) -> list[Problem]:
    """Return the problems of a file, errors first.

    Args:
        path: A Ray cluster file, a KubeRay RayJob manifest, or a script for `sbatch`.
        to_start: The cluster is about to start, so that placeholders become errors.
        allow_insecure: A cluster that asks for no token is only a warning.

    Raises:
        UserError: The file cannot be read, or is of another kind.
    """
    text = _read(path)
    if text.startswith("#!"):
        problems = list(check_script(text))
    else:
        document = _parse(path, text)
        if document.get("kind") == "RayJob":
            problems = list(check_rayjob(document))
        elif "apiVersion" in document:
            raise UserError(f"{path} is a {document.get('kind')!r} of Kubernetes; of those only a RayJob is checked")
        else:
            problems = [problem for check in RAY_CHECKS for problem in check(document)]
            if allow_insecure:
                tolerated = list(access.check_token(document))
                problems = [replace(x, severity="warning") if x in tolerated else x for x in problems]
    problems += _placeholders(text, to_start=to_start)
    return sorted(problems, key=lambda problem: problem.severity != "error")


def read_ray_file(path: Path) -> dict[str, Any]:
    """Read a cluster file of Ray.

    Raises:
        UserError: The file cannot be read, or is of another kind.
    """
    text = _read(path)
    document = {} if text.startswith("#!") else _parse(path, text)
    if "provider" not in document:
        raise UserError(f"{path} is no cluster file of Ray: it has no provider; scripts and manifests are submitted")
    return document


def _read(path: Path) -> str:
    try:
        return read_file(path).decode()
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is no text"
        raise UserError(f"cluster file {path} cannot be read ({reason}); give a file such as cluster.yaml") from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise UserError(f"cluster file {path}, line {line}: {fault.problem}; mend the YAML") from None
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        reason = (str(fault) or type(fault).__name__).splitlines()[0]
        raise UserError(f"cluster file {path} is no YAML ({reason}); mend it") from None
    if not isinstance(document, dict):
        raise UserError(f"cluster file {path} holds no mapping of names to values; see cluster.yaml for one that does")
    return document


def _placeholders(text: str, *, to_start: bool) -> Iterator[Problem]:
    make = error if to_start else warning
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        code = line if line.startswith("#SBATCH") else re.sub(r"(^|\s)#.*", "", line)
        for name in _PLACEHOLDER.findall(code):
            if name not in seen:
                yield make(f"line {number}", f"{name} stands for something of yours", "fill it in, wherever it is")
            seen.add(name)
