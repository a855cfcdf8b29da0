"""Joins a Ray cluster, or starts Ray on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from runners.cluster.token import check_access_to, choose_mode, close_token_file, ensure_token
from runners.engines.isolation import end_at_once, isolated_start, loopback_only
from runners.engines.ray_folder import check_temporary_folder, ray_folder
from seatbelt.errors import UserError

ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "60",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
}
"""Set before Ray is imported, whatever the user's environment says: no files per leg, no signal handlers, no
snapshots, no telemetry; a leg that asked for no GPU sees none."""

_OF_OTHER_PROGRAMS = ("TUNE_", "RAY_AIR_", "RAY_TRAIN_", "RAY_STORAGE", "RAY_CHDIR_")
"""Prefixes of variables by which other programs set Ray Tune; outdated ones would end a sweep."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """The cluster, and what each leg takes of it."""

    address: str | None = None
    """Address of a running cluster (`auto`, `host:port`); None starts Ray on this machine."""
    allow_insecure: bool = False
    """Join a cluster that asks for no token."""
    slots: int | None = None
    """Legs at a time; None takes as many as the cluster has room for."""
    cpus_per_trial: float = 1
    gpus_per_trial: float | Literal["auto"] | None = None
    """None takes one if the cluster has any; `auto` packs trials on each by memory."""
    epoch_minutes: float = 120
    """A worker without an epoch for this many minutes counts as lost."""
    device: str = "auto"
    """Device of the trials, from the sweep's description."""
    trial_bytes: int = 0
    """Memory of the largest trial, for `auto`."""


def prepare_ray(resources: Resources) -> None:
    """Set the environment variables that Ray reads when it is imported.

    Raises:
        UserError: Token authentication is switched off, and the user did not allow that.
    """
    for name in [name for name in os.environ if name.startswith(_OF_OTHER_PROGRAMS)]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT)
    choose_mode(joins=resources.address is not None, allow_insecure=resources.allow_insecure)


def check_access(resources: Resources) -> None:
    """Check that a cluster accepts us but not everybody, before anything is written.

    Raises:
        UserError: The cluster cannot be reached, rejects us, or accepts everybody.
    """
    prepare_ray(resources)
    _authenticate(resources)


@contextlib.contextmanager
def connected(resources: Resources) -> Iterator[None]:
    """Join the cluster, or start Ray on this machine and end it afterwards.

    Raises:
        UserError: The cluster cannot be reached, rejects us, or accepts everybody.
    """
    import ray

    started_here = not ray.is_initialized()
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if started_here:
        _authenticate(resources)
        if resources.address is None:
            # Only --address joins a Ray that happens to run here, after a check of its token.
            check_temporary_folder()
            options |= {"address": "local", "include_dashboard": False, "_temp_dir": ray_folder()}
            if resources.slots:
                options["num_cpus"] = max(1, round(resources.slots * resources.cpus_per_trial))
        else:
            options["address"] = resources.address
    with tempfile.TemporaryDirectory(prefix="seatbelt-empty-") as empty:
        if started_here:
            _start(options, empty, resources.address)
        try:
            yield
        finally:
            if started_here:
                end_at_once()
                ray.shutdown()


def _start(options: dict[str, Any], empty: str, address: str | None) -> None:
    import ray

    before = signal.getsignal(signal.SIGTERM)
    try:
        with isolated_start(empty), loopback_only() if address is None else contextlib.nullcontext():
            ray.init(**options)
            # Ray's handler exits at once on SIGTERM; ours ends the sweep after the running epochs.
            signal.signal(signal.SIGTERM, before)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise _no_answer(address, error) from None


def _authenticate(resources: Resources) -> None:
    uses_tokens = choose_mode(joins=resources.address is not None, allow_insecure=resources.allow_insecure)
    if resources.address is None:
        if uses_tokens:
            close_token_file()
            ensure_token(create=True)
        return
    if resources.address.startswith("ray://"):
        raise UserError(
            f"--address {resources.address}: Ray's client cannot run a sweep; run it on the head with --address auto "
            "(`seatbelt cluster submit` does that)"
        )
    token = ensure_token(create=False) if uses_tokens else None
    check_access_to(_control_service(resources.address), token, named=resources.address)


def _control_service(address: str) -> str:
    """Return host:port of a cluster's control service, resolved as Ray resolves it."""
    from ray._private.services import canonicalize_bootstrap_address

    try:
        service = canonicalize_bootstrap_address(address)
    except (ConnectionError, ValueError, OSError) as error:
        raise _no_answer(address, error) from None
    if not service:
        raise UserError(f"no Ray cluster runs on this machine, so that --address {address} finds none; start one first")
    return str(service)


def _no_answer(address: str | None, error: Exception) -> UserError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if address is None:
        return UserError(f"Ray does not start on this machine ({reason}); --engine in-process runs without it")
    return UserError(f"no Ray cluster answers at {address!r} ({reason}); check --address, and that it still runs")


def cluster_resources() -> dict[str, float]:
    """Return the resources of the cluster: CPU, GPU and so on."""
    import ray

    return dict(ray.cluster_resources())  # type: ignore[no-untyped-call]


def _process() -> int:
    # Ray runs no builtin.
    return os.getpid()


def probe(resources: Resources) -> str:
    """Run one task on a cluster and describe the cluster.

    Raises:
        UserError: The cluster cannot be reached.
    """
    prepare_ray(resources)
    import ray

    with connected(resources):
        answer = ray.get(ray.remote(num_cpus=0.1)(_process).remote(), timeout=120)
        assert answer != os.getpid(), "the task ran in the driver"
        cluster = cluster_resources()
        nodes = len(ray.nodes())  # type: ignore[no-untyped-call]
    return f"a task ran; {nodes} node(s), {cluster.get('CPU', 0):g} CPUs, {cluster.get('GPU', 0):g} GPUs"
