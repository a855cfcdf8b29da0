"""What a trial takes of a cluster, and how many trials it has room for."""

from __future__ import annotations

import time
from collections.abc import Callable

from runners.engines.connection import Resources, cluster_resources
from runners.engines.packing import gpu_share, packing_text
from seatbelt.errors import UserError

_LOOK_SECONDS = 5.0
_PATIENCE_SECONDS = 60
"""For an answer of a node about its GPU."""


def gpus_of_trial(cluster: dict[str, float], resources: Resources, note: Callable[[str], None]) -> float:
    """Return the GPUs that each trial takes.

    Args:
        cluster: What the cluster has.
        resources: What was asked for.
        note: Told what `auto` came to.

    Raises:
        UserError: `auto`, and the GPUs cannot be asked for their memory; a number is needed, for there is no node
            yet to tell; or trials were to run on CUDA, and there is no GPU.
    """
    gpus = _gpus_of_trial(cluster, resources, note)
    if not gpus and resources.device.startswith("cuda"):
        why = "--gpus-per-trial 0 gives trials none" if resources.gpus_per_trial == 0 else "Ray has no GPU for trials"
        raise UserError(f"--device {resources.device}, but {why}; say --device auto or cpu, or start Ray with its GPUs")
    return gpus


def _gpus_of_trial(cluster: dict[str, float], resources: Resources, note: Callable[[str], None]) -> float:
    if resources.device == "cpu" and resources.gpus_per_trial in (None, "auto"):
        return 0.0
    if cluster.get("CPU", 0) < 1 and not isinstance(resources.gpus_per_trial, int | float):
        raise UserError(
            "no node that runs trials is up yet, so that nobody knows of GPUs; say by --gpus-per-trial how many a "
            "trial takes (0 for none), and by --slots how many trials may run at a time"
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
    """Ask each node with GPUs for the memory of one; those of a node are taken to be alike.

    Raises:
        UserError: A node does not answer.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [n for n in ray.nodes() if n["Alive"] and n["Resources"].get("GPU", 0) >= 1]  # type: ignore[no-untyped-call]
    asked = [
        ray.remote(num_cpus=0, num_gpus=1)(gpu_memory)
        .options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False))
        .remote()
        for node in nodes
    ]
    try:
        return [int(size) for size in ray.get(asked, timeout=_PATIENCE_SECONDS)]
    except Exception as error:
        # Whatever a node has to say for itself: without its answer there is nothing to divide.
        reason = str(error).strip().splitlines()[-1]
        raise UserError(
            f"the GPUs of the cluster cannot be asked for their memory ({reason}); give --gpus-per-trial a number"
        ) from None


def gpu_memory() -> int:
    """Return the bytes of the GPU that this process sees."""
    import torch

    return int(torch.cuda.get_device_properties(0).total_memory)


class Room:
    """How many trials may run at a time: what was asked for, or what the cluster has room for at the moment."""

    def __init__(self, resources: Resources, gpus: float) -> None:
        """Look at the cluster.

        Args:
            resources: What was asked for; slots also where nodes for them come up only when they are needed.
            gpus: GPUs of a trial.

        Raises:
            UserError: No number of slots was asked for, and there is room for none.
        """
        self._asked, self._cpus, self._gpus = resources.slots, resources.cpus_per_trial, gpus
        self._ours = resources.address is None
        self._look()
        if self._asked is None and self._now < 1:
            cluster, cpus = self._cluster, self._cpus
            have = f"{cluster.get('CPU', 0):g} CPUs and {cluster.get('GPU', 0):g} GPUs"
            raise UserError(
                f"a trial asks for {cpus:g} CPUs and {gpus:g} GPUs, but the cluster has {have}; lower --cpus-per-trial "
                "or --gpus-per-trial, or say by --slots how many trials it may grow to run at a time"
            )

    @property
    def slots(self) -> int:
        """Trials at a time; nodes that join or leave count after some seconds.

        On a cluster that others started one trial always waits for a node: an autoscaler adds none without that.
        """
        self._look_again()
        if self._asked is not None:
            return self._asked
        return self._now if self._ours else max(1, self._now)

    @property
    def has_room(self) -> bool:
        """Whether what is up now has room for a trial, or nodes for it come up when they are needed."""
        self._look_again()
        return self._asked is not None or self._now > 0

    @property
    def is_gone(self) -> bool:
        """Whether this is a Ray of our own that has no node any more."""
        self._look_again()
        return self._ours and not self._cluster.get("CPU", 0)

    def _look_again(self) -> None:
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._look()

    def _look(self) -> None:
        self._looked, self._cluster = time.monotonic(), cluster_resources()
        self._now = room(self._cluster, self._cpus, self._gpus)


def room(cluster: dict[str, float], cpus: float, gpus: float) -> int:
    """Return how many trials a cluster has room for."""
    trials = [cluster.get("CPU", 0) / cpus]
    if gpus:
        trials.append(cluster.get("GPU", 0) / gpus)
    return int(min(trials))
