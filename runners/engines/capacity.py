"""The capacity of a cluster: the GPUs of each trial, and the number of trials at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from runners.engines.connection import Resources, cluster_resources
from runners.engines.packing import gpu_share, packing_text
from seatbelt.errors import UserError

_REFRESH_SECONDS = 5.0
_PATIENCE_SECONDS = 60
"""Longest wait for a node's answer about its GPU, seconds."""


def gpus_of_trial(cluster: dict[str, float], resources: Resources, note: Callable[[str], None]) -> float:
    """Return the GPUs of each trial.

    Args:
        cluster: Resources of the cluster.
        resources: The user's request.
        note: Called with the number that `auto` chose.

    Raises:
        UserError: `auto` cannot read the memory of the GPUs; no node is up yet, so the user must give a number; or
            trials should run on CUDA, and there is no GPU.
    """
    gpus = _gpus_of_trial(cluster, resources, note)
    if not gpus and resources.device.startswith("cuda"):
        why = "--gpus-per-trial 0 gives trials none" if resources.gpus_per_trial == 0 else "Ray has no GPU for trials"
        raise UserError(f"--device {resources.device}, but {why}; use --device auto or cpu, or start Ray with its GPUs")
    return gpus


def _gpus_of_trial(cluster: dict[str, float], resources: Resources, note: Callable[[str], None]) -> float:
    if resources.device == "cpu" and resources.gpus_per_trial in (None, "auto"):
        return 0.0
    if cluster.get("CPU", 0) < 1 and not isinstance(resources.gpus_per_trial, int | float):
        raise UserError(
            "no node that runs trials is up yet, so their GPUs are unknown; give --gpus-per-trial the GPUs of a trial "
            "(0 for none), and --slots the number of trials at a time"
        )
    if resources.gpus_per_trial == "auto":
        if not cluster.get("GPU", 0):
            return 0.0
        sizes = _gpu_bytes()
        note(packing_text(resources.trial_bytes, sizes))
        return gpu_share(resources.trial_bytes, sizes)
    if resources.gpus_per_trial is not None:
        return resources.gpus_per_trial
    return 1.0 if cluster.get("GPU", 0) >= 1 else 0.0


def _gpu_bytes() -> list[int]:
    """Return the memory of one GPU on each node with GPUs, in bytes; the GPUs of a node are taken to be alike.

    Raises:
        UserError: A node does not answer.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [n for n in ray.nodes() if n["Alive"] and n["Resources"].get("GPU", 0) >= 1]  # type: ignore[no-untyped-call]
    tasks = [
        ray.remote(num_cpus=0, num_gpus=1)(gpu_memory)
        .options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False))
        .remote()
        for node in nodes
    ]
    try:
        return [int(size) for size in ray.get(tasks, timeout=_PATIENCE_SECONDS)]
    except Exception as error:
        # Any failure of a node: without its answer there is no memory to divide.
        reason = str(error).strip().splitlines()[-1]
        raise UserError(
            f"the GPUs of the cluster cannot be asked for their memory ({reason}); give --gpus-per-trial a number"
        ) from None


def gpu_memory() -> int:
    """Return the memory of this process's GPU in bytes."""
    import torch

    return int(torch.cuda.get_device_properties(0).total_memory)


class Capacity:
    """The number of trials at a time: what the user set, or what the cluster has room for at present."""

    def __init__(self, resources: Resources, gpus: float) -> None:
        """Read the resources of the cluster.

        Args:
            resources: The user's request. Slots count even if nodes for them come up only when they are needed.
            gpus: GPUs of a trial.

        Raises:
            UserError: The user set no slots, and there is no room for a single trial.
        """
        self._slots, self._cpus, self._gpus = resources.slots, resources.cpus_per_trial, gpus
        self._started_here = resources.address is None
        self._read()
        if self._slots is None and self._present_slots < 1:
            cluster, cpus = self._cluster, self._cpus
            have = f"{cluster.get('CPU', 0):g} CPUs and {cluster.get('GPU', 0):g} GPUs"
            raise UserError(
                f"a trial asks for {cpus:g} CPUs and {gpus:g} GPUs, but the cluster has {have}; lower --cpus-per-trial "
                "or --gpus-per-trial, or give --slots the number of trials that it may grow to"
            )

    @property
    def slots(self) -> int:
        """Trials at a time; nodes that join or leave count after some seconds.

        On a cluster that others started, one trial always waits for a node, because an autoscaler adds none otherwise.
        """
        self._refresh()
        if self._slots is not None:
            return self._slots
        return self._present_slots if self._started_here else max(1, self._present_slots)

    @property
    def has_room(self) -> bool:
        """True if there is room for a trial now, or nodes for it come up when they are needed."""
        self._refresh()
        return self._slots is not None or self._present_slots > 0

    @property
    def is_gone(self) -> bool:
        """True if this session started the Ray, and its node is gone."""
        self._refresh()
        return self._started_here and not self._cluster.get("CPU", 0)

    def _refresh(self) -> None:
        if time.monotonic() - self._refreshed_at > _REFRESH_SECONDS:
            self._read()

    def _read(self) -> None:
        self._refreshed_at, self._cluster = time.monotonic(), cluster_resources()
        self._present_slots = room(self._cluster, self._cpus, self._gpus)


def room(cluster: dict[str, float], cpus: float, gpus: float) -> int:
    """Return how many trials a cluster has room for."""
    trials = [cluster.get("CPU", 0) / cpus]
    if gpus:
        trials.append(cluster.get("GPU", 0) / gpus)
    return int(min(trials))
