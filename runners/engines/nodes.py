"""The nodes of the joined cluster, and small tasks on each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

PATIENCE_SECONDS = 600.0
"""Longest wait for a node, seconds: it may read a whole data set over the network."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of the cluster."""

    identity: str
    name: str
    gpus: int = 0
    """GPUs by Ray's count."""


Call = tuple[Node, Callable[..., Any], tuple[Any, ...]]
Ask = Callable[[Sequence[Call]], "list[Any]"]
"""Runs each call on its node; an exception takes the place of a missing result."""


def ray_nodes() -> list[Node]:
    """Return the living nodes with CPUs of the joined cluster."""
    import ray

    alive = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0)]  # type: ignore[no-untyped-call]
    return [
        Node(
            identity=node["NodeID"],
            name=f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}, {node['NodeID'][:6]})",
            gpus=int(node["Resources"].get("GPU", 0)),
        )
        for node in alive
    ]


def ask_ray(calls: Sequence[Call]) -> list[Any]:
    """Run each call as a small task on its node."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    tasks = [
        ray.remote(num_cpus=0, max_retries=0)(function)
        .options(scheduling_strategy=NodeAffinitySchedulingStrategy(node.identity, soft=False))
        .remote(*arguments)
        for node, function, arguments in calls
    ]
    ready, _ = ray.wait(tasks, num_returns=len(tasks), timeout=PATIENCE_SECONDS) if tasks else ([], [])
    answers: list[Any] = []
    for task in tasks:
        if task not in ready:
            ray.cancel(task, force=True)
            answers.append(TimeoutError(f"no answer within {PATIENCE_SECONDS:g} s"))
            continue
        try:
            answers.append(ray.get(task))
        except Exception as error:
            # Any failure to answer is a fault of that node.
            answers.append(error)
    return answers
