"""Checks a KubeRay RayJob manifest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runners.cluster.allowed_keys import HEAD_GROUP, RAY_CLUSTER, RAYJOB, WORKER_GROUP
from runners.cluster.first_trial import check_cache, check_sweep_command
from runners.cluster.pins import check_image
from runners.cluster.problems import Problem, error, items, mapping, unknown_keys, warning

_CLUSTER = "spec.rayClusterSpec"


def check_rayjob(document: dict[str, Any]) -> Iterator[Problem]:
    """Yield the problems of a manifest."""
    if document.get("apiVersion") != "ray.io/v1":
        yield error("apiVersion", f"is {document.get('apiVersion')!r}", "write ray.io/v1")
    spec = mapping(document.get("spec"))
    cluster = mapping(spec.get("rayClusterSpec"))
    yield from unknown_keys("spec", spec, RAYJOB)
    yield from unknown_keys(_CLUSTER, cluster, RAY_CLUSTER)
    yield from _check_name(mapping(document.get("metadata")))
    yield from _check_job(spec)
    yield from _check_cluster(cluster)
    yield from _check_head(mapping(cluster.get("headGroupSpec")))
    groups = [("headGroupSpec", mapping(cluster.get("headGroupSpec")))]
    for index, group in enumerate(map(mapping, items(cluster.get("workerGroupSpecs")))):
        yield from _check_workers(f"{_CLUSTER}.workerGroupSpecs.{index}", group)
        groups.append((f"workerGroupSpecs.{index}", group))
    if len(groups) == 1:
        yield error(f"{_CLUSTER}.workerGroupSpecs", "is missing: nothing would run trials", "add a group of workers")
    buckets = bool(re.search(r"\b(s3|gs)://", str(spec.get("entrypoint"))))
    for name, group in groups:
        yield from _check_pod(f"{_CLUSTER}.{name}.template", group, buckets=buckets)


def _check_name(metadata: dict[str, Any]) -> Iterator[Problem]:
    if "generateName" not in metadata:
        yield error(
            "metadata.name",
            "is fixed: a job that finished stays, and applying it again does nothing",
            "write generateName: seatbelt- instead, and kubectl create -f for kubectl apply -f",
        )


def _check_job(spec: dict[str, Any]) -> Iterator[Problem]:
    entrypoint = str(spec.get("entrypoint", ""))
    if not re.search(r"\bseatbelt (sweep|resume|confirm)\b", entrypoint):
        yield error("spec.entrypoint", "runs no sweep", "write seatbelt sweep ... --address auto")
    elif "--address" not in entrypoint:
        yield error("spec.entrypoint", "the sweep does not join the cluster", "add --address auto")
    if re.search(r"\bseatbelt sweep\b", entrypoint):
        yield from check_sweep_command("spec.entrypoint", entrypoint, str(spec))
    if spec.get("shutdownAfterJobFinishes") is not True:
        yield error("spec.shutdownAfterJobFinishes", "the cluster stays when the sweep is done", "set it to true")


def _check_cluster(cluster: dict[str, Any]) -> Iterator[Problem]:
    if mapping(cluster.get("authOptions")).get("mode") != "token":
        yield error(f"{_CLUSTER}.authOptions.mode", "Ray asks for no token", "set it to token (KubeRay 1.5.1 or newer)")
    if not re.fullmatch(r"\d+\.\d+\.\d+", str(cluster.get("rayVersion", ""))):
        yield error(f"{_CLUSTER}.rayVersion", "is no exact version", "write the version of Ray in the image")
    if cluster.get("enableInTreeAutoscaling") is not True:
        yield error(f"{_CLUSTER}.enableInTreeAutoscaling", "workers do not come and go with work", "set it to true")
    elif not mapping(cluster.get("autoscalerOptions")).get("idleTimeoutSeconds"):
        yield error(f"{_CLUSTER}.autoscalerOptions.idleTimeoutSeconds", "is missing", "set it, such as to 600")


def _check_head(head: dict[str, Any]) -> Iterator[Problem]:
    place = f"{_CLUSTER}.headGroupSpec"
    yield from unknown_keys(place, head, HEAD_GROUP)
    exposed = {head.get("serviceType"), mapping(mapping(head.get("headService")).get("spec")).get("type")}
    if exposed & {"LoadBalancer", "NodePort"} or head.get("enableIngress") is True:
        yield error(place, "the dashboard is open to the outside", "use ClusterIP and no ingress; forward the port")
    if str(mapping(head.get("rayStartParams")).get("num-cpus")) != "0":
        yield warning(f"{place}.rayStartParams", "the head would run trials", 'set num-cpus: "0"')


def _check_workers(place: str, group: dict[str, Any]) -> Iterator[Problem]:
    yield from unknown_keys(place, group, WORKER_GROUP)
    if group.get("minReplicas", 0) != 0:
        yield warning(f"{place}.minReplicas", "workers stay without work", "set it to 0")
    pod = mapping(mapping(group.get("template")).get("spec"))
    if (
        "gpu" in str(pod.get("containers"))
        and "spot" not in str([pod.get("nodeSelector"), pod.get("affinity")]).lower()
    ):
        yield warning(f"{place}.template", "GPU workers are not on spot", "select your cloud's spot nodes")


def _check_pod(place: str, group: dict[str, Any], *, buckets: bool) -> Iterator[Problem]:
    pod = mapping(mapping(group.get("template")).get("spec"))
    containers = [mapping(container) for container in items(pod.get("containers"))]
    yield from check_cache(f"{place}.spec.containers", str(containers))
    for index, container in enumerate(containers):
        yield from check_image(f"{place}.spec.containers.{index}.image", str(container.get("image", "")))
    shared = {
        volume.get("name")
        for volume in map(mapping, items(pod.get("volumes")))
        if {"persistentVolumeClaim", "nfs", "csi"} & set(volume)
    }
    mounted = {mapping(mount).get("name") for container in containers for mount in items(container.get("volumeMounts"))}
    if not shared & mounted and not buckets:
        yield error(f"{place}.spec.volumes", "no storage that the pods share", "mount one volume claim in every pod")
