"""What keeps Ray's processes apart from the folder that a sweep is started in, and from signals meant for the driver.

Ray puts the driver's working folder on the module search path of its workers, in front of installed packages. An
`analysis.py`, `random.py` or `cv2.py` there would be imported and so run; the folder may be somebody else's data set.
And Ray's processes belong to the driver's process group. A SIGTERM to the group, as SLURM, systemd and timeout(1)
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
"""The folder that this package lies in."""

_VARIABLES = ("PYTHONPATH", "PYTHONSAFEPATH")


@contextlib.contextmanager
def isolated_start(empty: str) -> Iterator[None]:
    """Start the processes of a block in an empty folder, with the caller's folder off their module search path.

    They ignore SIGTERM: whoever ends them follows it by SIGKILL.

    Args:
        empty: The folder. It must stay as long as the processes do.
    """
    folder = Path.cwd()
    environment = {name: os.environ.get(name) for name in _VARIABLES}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        os.environ["PYTHONPATH"] = os.pathsep.join(search_path(os.environ.get("PYTHONPATH", ""), folder))
        # Not even the folder of a script that they start comes before the installed packages.
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
    """Start a Ray that is reached from this machine alone and asks nobody else for anything.

    Without this, Ray looks for the address that others would see, and its dashboard, though it shows nothing, asks
    the metadata services of three clouds which of them it runs in, even where usage statistics are off.
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
    """Let Ray's shutdown end all its processes by SIGKILL: it would wait a second for each that ignores SIGTERM."""
    import psutil  # Ray brings it along.
    from ray._private import worker

    node: Any = worker._global_node
    if node is None:
        return
    kill = node.kill_all_processes

    def kill_all(**options: Any) -> None:  # noqa: ANN401  (Ray's own)
        # Its node manager cannot end its agents and workers once it is killed.
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
    """Take the working folder off the module search path of this process, unless this package is run from it."""
    folder = Path.cwd().resolve()
    if folder != _SOURCE:
        sys.path[:] = [part for part in sys.path if (folder / part).resolve() != folder]


def search_path(python_path: str, folder: Path) -> list[str]:
    """Return the folders that workers import from before the installed packages.

    Args:
        python_path: PYTHONPATH of this process. An empty part of it, as `PYTHONPATH=$PYTHONPATH:/mine` leaves it,
            means the working folder.
        folder: The working folder, which is left out unless this package is run from it.
    """
    parts = [(folder / part).resolve() for part in python_path.split(os.pathsep) if part]
    path = [part for part in parts if part != folder.resolve() or part == _SOURCE]
    runs_from_source = any((folder / part).resolve() == _SOURCE for part in sys.path)
    if runs_from_source and _SOURCE not in path and _SOURCE.name not in ("site-packages", "dist-packages"):
        path.append(_SOURCE)
    return [os.fspath(part) for part in path]


def terminate_children_again() -> None:
    """Let processes that this one forks end by SIGTERM again, as loader processes must."""
    os.register_at_fork(after_in_child=_unblock)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
