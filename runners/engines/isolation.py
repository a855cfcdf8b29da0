"""Isolates Ray's processes from the driver's working folder and from signals meant for the driver.

Ray puts the driver's working folder on the module search path of its workers, before installed packages. An
`analysis.py`, `random.py` or `cv2.py` in that folder, perhaps a foreign data set, would be imported and so run.
Ray's processes also belong to the driver's process group: a SIGTERM to the group, as SLURM, systemd and timeout(1)
send it, would end them before the driver can let the running epochs finish.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SOURCE = Path(__file__).resolve().parents[2]
"""Folder of this package."""

_VARIABLES = ("PYTHONPATH", "PYTHONSAFEPATH")


@contextlib.contextmanager
def isolated_start(empty: str) -> Iterator[None]:
    """Start the processes of a block in an empty folder, without the caller's folder on their module search path.

    They ignore SIGTERM; Ray's shutdown follows it by SIGKILL.

    Args:
        empty: The folder, which must exist as long as the processes.
    """
    folder = Path.cwd()
    environment = {name: os.environ.get(name) for name in _VARIABLES}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        os.environ["PYTHONPATH"] = os.pathsep.join(search_path(os.environ.get("PYTHONPATH", ""), folder))
        # Nor does the folder of a script that they start come before the installed packages.
        os.environ["PYTHONSAFEPATH"] = "1"
        os.chdir(empty)
        yield
    finally:
        os.chdir(folder)
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextlib.contextmanager
def loopback_only() -> Iterator[None]:
    """Start a Ray that only this machine reaches and that contacts no other.

    Otherwise Ray looks for its public address, and its unused dashboard asks the metadata services of three clouds
    which of them it runs in, even with usage statistics off.
    """
    from ray._private import ray_constants, services

    with (
        _replaced(ray_constants, "ENABLE_RAY_CLUSTER", False),
        _replaced(services, "start_api_server", lambda *_, **__: (None, None)),
    ):
        os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0"
        try:
            yield
        finally:
            del os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR]


def end_at_once() -> None:
    """Make Ray's shutdown use SIGKILL, because it would wait a second for each process that ignores SIGTERM."""
    import psutil  # Ray brings it along.
    from ray._private import worker

    node: Any = worker._global_node
    if node is None:
        return
    kill = node.kill_all_processes

    def kill_all(**options: Any) -> None:  # noqa: ANN401  (Ray's own)
        # A killed node manager cannot end its agents and workers.
        of_ray = [child for child in psutil.Process().children() if child.name() in ("raylet", "gcs_server")]
        below = [process for child in of_ray for process in child.children(recursive=True)]
        kill(**{**options, "allow_graceful": False})
        for process in below:
            with contextlib.suppress(psutil.Error):
                process.kill()

    node.kill_all_processes = kill_all


@contextlib.contextmanager
def _replaced(module: object, name: str, value: object) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def import_nothing_from_working_folder() -> None:
    """Remove the working folder from the module search path of this process, unless this package runs from it."""
    folder = Path.cwd().resolve()
    if folder != _SOURCE:
        sys.path[:] = [part for part in sys.path if (folder / part).resolve() != folder]


def search_path(python_path: str, folder: Path) -> list[str]:
    """Return the folders that workers import from before the installed packages.

    Args:
        python_path: PYTHONPATH of this process. An empty part of it, which `PYTHONPATH=$PYTHONPATH:/mine` may leave,
            means the working folder.
        folder: The working folder, which is excluded unless this package runs from it.
    """
    parts = [(folder / part).resolve() for part in python_path.split(os.pathsep) if part]
    path = [part for part in parts if part != folder.resolve() or part == _SOURCE]
    runs_from_source = any((folder / part).resolve() == _SOURCE for part in sys.path)
    if runs_from_source and _SOURCE not in path and _SOURCE.name not in ("site-packages", "dist-packages"):
        path.append(_SOURCE)
    return [os.fspath(part) for part in path]


def terminate_children_again() -> None:
    """Let forked processes end by SIGTERM again, as loader processes must."""
    os.register_at_fork(after_in_child=_unblock)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
