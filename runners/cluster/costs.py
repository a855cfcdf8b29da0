"""Checks what a cluster would cost or lose: storage, idle machines, spot machines, the head."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runners.cluster.first_trial import check_cache
from runners.cluster.problems import Problem, commands, error, items, mapping, warning

STORAGE = re.compile(r"\b(mount|mountpoint|nfs4?|efs|gcsfuse|s3fs|mount-s3|lustre)\b|\b(s3|gs)://")
_GPU_MACHINE = re.compile(r"(p|g)\d")
_SETUP_KEYS = ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")


def check_storage(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that nodes share storage."""
    if not any(STORAGE.search(text) for _, text in commands(document, *_SETUP_KEYS)):
        yield error(
            "setup_commands",
            "no sign of storage that the nodes share",
            "mount it, or say `mountpoint -q /shared` where nodes have it already, or `: s3://BUCKET` for a bucket",
        )


def check_workers(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that some node runs trials."""
    types = mapping(document.get("available_node_types"))
    workers = {name: mapping(node) for name, node in types.items() if name != document.get("head_node_type")}
    most = document.get("max_workers", 1)
    if types and not any(node.get("max_workers", most) and most for node in workers.values()):
        yield error("available_node_types", "nothing would run trials", "add a type of workers with max_workers")


def check_decoded(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that decoded images go to a local disk of the node."""
    starts = [text for _, text in commands(document, "worker_start_ray_commands", *_SETUP_KEYS)]
    docker = mapping(document.get("docker"))
    options = [*items(docker.get("run_options")), *items(docker.get("worker_run_options"))]
    yield from check_cache("worker_start_ray_commands", " ".join(map(str, [*starts, *options])))


def check_idle(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that idle machines are terminated, not stopped."""
    if "idle_timeout_minutes" not in document:
        yield error("idle_timeout_minutes", "is missing", "say after how many idle minutes a worker ends, such as 10")
    provider = mapping(document.get("provider"))
    cached = provider.get("cache_stopped_nodes", provider.get("type") == "aws")
    if provider.get("type") in ("aws", "gcp") and cached is not False:
        yield error(
            "provider.cache_stopped_nodes",
            "is on: stopped machines keep their disks, which cost, and come back with old software",
            "set it to false",
        )


def check_spot(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that GPU workers are spot machines: a lost one costs at most an epoch."""
    kind = mapping(document.get("provider")).get("type")
    for name, node in mapping(document.get("available_node_types")).items():
        config = mapping(mapping(node).get("node_config"))
        if name == document.get("head_node_type") or not _has_gpu(mapping(node), config):
            continue
        place = f"available_node_types.{name}.node_config"
        if kind == "aws" and mapping(config.get("InstanceMarketOptions")).get("MarketType") != "spot":
            yield warning(
                f"{place}.InstanceMarketOptions", "GPU workers are not on spot", "set {MarketType: spot}: it costs less"
            )
        if kind == "gcp" and not _gcp_spot(config.get("scheduling")):
            yield warning(
                f"{place}.scheduling", "GPU workers are not on spot", "set {provisioningModel: SPOT}: it costs less"
            )


def check_head(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that the head runs no trials, which would slow down its decisions and records."""
    name = str(document.get("head_node_type"))
    head = mapping(mapping(document.get("available_node_types")).get(name))
    starts = [text for _, text in commands(document, "head_start_ray_commands")]
    if mapping(head.get("resources")).get("CPU") == 0 or any(re.search(r"--num-cpus[= ]0\b", x) for x in starts):
        return
    place = f"available_node_types.{name}.resources" if head else "head_start_ray_commands"
    advice = 'set resources: {"CPU": 0}' if head else "add --num-cpus=0 to ray start --head"
    yield warning(place, "the head would run trials", advice)


def _has_gpu(node: dict[str, Any], config: dict[str, Any]) -> bool:
    if mapping(node.get("resources")).get("GPU") or config.get("guestAccelerators"):
        return True
    return bool(_GPU_MACHINE.match(str(config.get("InstanceType", ""))))


def _gcp_spot(scheduling: Any) -> bool:  # noqa: ANN401  (a mapping, or Ray's list of mappings)
    parts = [mapping(part) for part in (items(scheduling) or [scheduling])]
    return any(part.get("preemptible") is True or part.get("provisioningModel") == "SPOT" for part in parts)
