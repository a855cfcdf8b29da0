"""Cluster files of Ray: the shipped ones pass, and each fault gives exactly its finding."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runners.cluster.check import RAY_CHECKS, check_file
from tests.conftest import ROOT

SHIPPED = [
    "cluster.yaml",
    "docs/cluster/gcp.yaml",
    "docs/cluster/on-premises.yaml",
    "docs/cluster/slurm.sh",
    "docs/cluster/rayjob.yaml",
]
AWS, GCP, LOCAL = SHIPPED[:3]
HEAD_START = "head_start_ray_commands"
HEAD, GPU = "available_node_types.head", "available_node_types.gpu"


def document(name: str) -> dict[str, Any]:
    content = yaml.safe_load((ROOT / name).read_text())
    assert isinstance(content, dict)
    return content


def findings_in(changed: dict[str, Any], tmp_path: Path) -> list[tuple[str, str, str, str]]:
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(changed))
    problems = check_file(path)
    return [(x.severity, x.place, x.what, x.advice) for x in problems if not x.place.startswith("line ")]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files_pass(name: str) -> None:
    problems = check_file(ROOT / name)
    assert {problem.severity for problem in problems} == {"warning"}
    assert all("stands for something of yours" in problem.what for problem in problems), "nothing but places to fill in"
    assert {x.severity for x in check_file(ROOT / name, to_start=True)} == {"error"}, "which must be filled in to start"


@pytest.mark.parametrize("name", [AWS, GCP, LOCAL])
def test_ray_itself_accepts_them(name: str) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(copy.deepcopy(document(name))))


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(changed: dict[str, Any]) -> None:
        place: Any = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def drop(*path: Any) -> Callable[[dict[str, Any]], None]:
    def change(changed: dict[str, Any]) -> None:
        place: Any = changed
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


def swap(*path: Any, old: str, new: str) -> Callable[[dict[str, Any]], None]:
    """Replace text in a string, or in each string of a list."""

    def change(changed: dict[str, Any]) -> None:
        place: Any = changed
        for step in path[:-1]:
            place = place[step]
        assert old in str(place[path[-1]])
        value = place[path[-1]]
        place[path[-1]] = [x.replace(old, new) for x in value] if isinstance(value, list) else value.replace(old, new)

    return change


def rename(*path: Any, to: str) -> Callable[[dict[str, Any]], None]:
    def change(changed: dict[str, Any]) -> None:
        place: Any = changed
        for step in path[:-1]:
            place = place[step]
        place[to] = place.pop(path[-1])

    return change


def rule(network: str, key: str = "CidrIp") -> dict[str, Any]:
    ranges = {"IpRanges" if key == "CidrIp" else "Ipv6Ranges": [{key: network}]}
    return {"GroupName": "mine", "IpPermissions": [{"FromPort": 22, "ToPort": 22, "IpProtocol": "tcp", **ranges}]}


MUTATIONS: list[tuple[str, Callable[[dict[str, Any]], None], list[tuple[str, ...]]]] = [
    # What a run needs
    (AWS, swap("docker", "run_options", old="SEATBELT_CACHE", new="CACHE"), [("warning", "where decoded images go")]),
    (
        LOCAL,
        swap("worker_start_ray_commands", old="SEATBELT_CACHE=/var/tmp/seatbelt-cache ", new=""),
        [("warning", "worker_start_ray_commands", "where decoded images go")],
    ),
    (AWS, put("available_node_types", "gpu", "max_workers", value=0), [("error", "nothing would run trials")]),
    (AWS, put("max_workers", value=0), [("error", "nothing would run trials")]),
    (GCP, drop("available_node_types", "gpu"), [("error", "nothing would run trials")]),
    # Ray's own schema
    (AWS, drop("cluster_name"), [("error", "cluster_name", "is missing")]),
    (AWS, put("max_workers", value="many"), [("error", "max_workers", "'many' is not of type 'integer'")]),
    (
        AWS,
        put("head_node_type", value="gpus"),
        [("error", "file", "`head_node_type` must be one of"), ("warning", "the head would run trials")],
    ),
    (
        AWS,
        rename("upscaling_speed", to="upscaling_sped"),
        [("error", "upscaling_sped", "did you mean upscaling_speed")],
    ),
    (AWS, rename("auth", "ssh_user", to="ssh_usr"), [("error", "auth.ssh_usr", "did you mean ssh_user")]),
    (AWS, put("available_node_types", "gpu", "min_worker", value=0), [("error", f"{GPU}.min_worker", "min_workers")]),
    (LOCAL, put("available_node_types", value={"a": {}}), [("error", "available_node_types", "takes no node types")]),
    (LOCAL, drop("provider", "head_ip"), [("error", "file", "Ray refuses it")]),
    # Misspelt keys that the schema lets through
    (AWS, rename("provider", "region", to="regoin"), [("error", "provider.regoin", "did you mean region?")]),
    (
        AWS,
        rename("available_node_types", "gpu", "node_config", "InstanceType", to="InstanceTyp"),
        [("error", f"{GPU}.node_config.InstanceTyp", "did you mean InstanceType?")],
    ),
    (
        GCP,
        rename("available_node_types", "gpu", "node_config", "machineType", to="machine_type"),
        [("error", f"{GPU}.node_config.machine_type", "did you mean machineType?")],
    ),
    (GCP, rename("provider", "project_id", to="project"), [("error", "provider.project", "project_id")]),
    (LOCAL, put("provider", "worker_ip", value=[]), [("error", "provider.worker_ip", "did you mean worker_ips?")]),
    # Ports
    (
        AWS,
        swap(HEAD_START, old="--dashboard-host=127.0.0.1", new="--dashboard-host=0.0.0.0"),
        [("error", f"{HEAD_START}.1", "the dashboard listens on 0.0.0.0")],
    ),
    (
        GCP,
        swap(HEAD_START, old="--dashboard-host=127.0.0.1", new="--dashboard-host 10.0.0.7"),
        [("error", f"{HEAD_START}.1", "the dashboard listens on 10.0.0.7")],
    ),
    (
        LOCAL,
        swap(HEAD_START, old="--port=6379", new="--port=6379 --node-ip-address=0.0.0.0"),
        [("error", f"{HEAD_START}.1", "Ray listens on every network")],
    ),
    (AWS, drop(HEAD_START), [("error", HEAD_START, "is missing: Ray's default has no token")]),
    (AWS, drop("worker_start_ray_commands"), [("error", "worker_start_ray_commands", "is missing")]),
    *[
        (
            AWS,
            put("provider", "security_group", value=rule(network, key)),
            [("error", "provider.security_group.IpPermissions.0", f"{network} lets everybody in")],
        )
        for network, key in [("0.0.0.0/0", "CidrIp"), ("10.1.2.3/0", "CidrIp"), ("::/0", "CidrIpv6")]
    ],
    (AWS, put("provider", "security_group", value=rule("192.0.2.7/32")), []),
    (
        AWS,
        drop("available_node_types", "head", "node_config", "SecurityGroupIds"),
        [("error", f"{HEAD}.node_config", "the group that Ray makes opens SSH to 0.0.0.0/0")],
    ),
    # The token
    *[
        (name, swap(key, old="RAY_AUTH_MODE=token ", new=new), [("error", f"{key}.1", "without RAY_AUTH_MODE=token")])
        for name in (AWS, GCP, LOCAL)
        for key in (HEAD_START, "worker_start_ray_commands")
        for new in ("", "RAY_AUTH_MODE=disabled ")
    ],
    *[
        (name, drop("file_mounts", "~/.ray/auth_token"), [("error", "file_mounts", "the token is not brought")])
        for name in (AWS, GCP, LOCAL)
    ],
    (
        AWS,
        swap(HEAD_START, old="RAY_AUTH_MODE=token", new="RAY_AUTH_MODE=token RAY_AUTH_TOKEN=0123abc"),
        [("error", f"{HEAD_START}.1", "holds the token itself")],
    ),
    # Pins
    *[
        (
            name,
            swap("setup_commands", old="--constraint ~/seatbelt/constraints.txt ", new=""),
            [("error", f"setup_commands.{index}", "packages without exact versions")],
        )
        for name, index in ((AWS, 2), (GCP, 2), (LOCAL, 3))
    ],
    (
        GCP,
        swap("head_setup_commands", old="client==1.7.8", new="client>=1.7"),
        [("error", "head_setup_commands.0", "packages without exact versions")],
    ),
    (
        AWS,
        put("worker_setup_commands", value=["pip install -U https://example.org/ray-wheels/latest/ray-3.0.0.whl"]),
        [("error", "worker_setup_commands.0", "installs a nightly build")],
    ),
    (AWS, put("worker_setup_commands", value=["python -m pip install -r more.txt"]), [("error", "", "without exact")]),
    (AWS, put("worker_setup_commands", value=["python -m pip install numpy==2.4.0 scipy==1.17.0"]), []),
    (AWS, drop("setup_commands"), [("error", "setup_commands", "Ray's default installs a nightly build")]),
    (
        AWS,
        put("setup_commands", value=["chmod 600 ~/.ray/auth_token"]),
        [("warning", "setup_commands", "this package")],
    ),
    (
        AWS,
        put("docker", "head_image", value="rayproject/ray"),
        [("error", "docker.head_image", "another one tomorrow")],
    ),
    (
        AWS,
        put("docker", "worker_image", value="registry.example:5000/ray:latest"),
        [("error", "docker.worker_image", "another one tomorrow")],
    ),
    (AWS, put("docker", "worker_image", value="registry.example:5000/ray@sha256:" + "0" * 64), []),
    (GCP, put("docker", "image", value="rayproject/ray:nightly-gpu"), [("error", "docker.image", "tomorrow")]),
    (
        AWS,
        drop("available_node_types", "gpu", "node_config", "ImageId"),
        [("error", f"{GPU}.node_config.ImageId", "is missing")],
    ),
    (
        GCP,
        put(
            "available_node_types",
            "head",
            "node_config",
            "disks",
            value=[{"boot": True, "initializeParams": {"sourceImage": "projects/p/global/images/family/common-cpu"}}],
        ),
        [("error", f"{HEAD}.node_config.disks", "a family of images")],
    ),
    # Storage, costs, the head
    (AWS, put("initialization_commands", value=[]), [("error", "setup_commands", "no sign of storage")]),
    (LOCAL, swap("setup_commands", old="mountpoint -q /shared", new="true"), [("error", "setup_commands", "storage")]),
    (AWS, put("initialization_commands", value=[": sweeps are in s3://bucket/sweeps"]), []),
    *[
        (name, drop("idle_timeout_minutes"), [("error", "idle_timeout_minutes", "is missing")])
        for name in (AWS, GCP, LOCAL)
    ],
    *[
        (name, put("provider", "cache_stopped_nodes", value=True), [("error", "provider.cache_stopped_nodes", "is on")])
        for name in (AWS, GCP)
    ],
    (AWS, drop("provider", "cache_stopped_nodes"), [("error", "provider.cache_stopped_nodes", "is on")]),
    (GCP, drop("provider", "cache_stopped_nodes"), []),
    (
        AWS,
        drop("available_node_types", "gpu", "node_config", "InstanceMarketOptions"),
        [("warning", f"{GPU}.node_config.InstanceMarketOptions", "not on spot")],
    ),
    (
        GCP,
        drop("available_node_types", "gpu", "node_config", "scheduling"),
        [("warning", f"{GPU}.node_config.scheduling", "not on spot")],
    ),
    (
        AWS,
        put("available_node_types", "head", "resources", value={"CPU": 4}),
        [("warning", f"{HEAD}.resources", "the head would run trials")],
    ),
    (
        LOCAL,
        swap(HEAD_START, old=" --num-cpus=0", new=""),
        [("warning", HEAD_START, "the head would run trials")],
    ),
    (
        AWS,
        put(
            "available_node_types",
            "gpu",
            "node_config",
            "BlockDeviceMappings",
            value=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 200}}],
        ),
        [("warning", f"{GPU}.node_config.BlockDeviceMappings", "a disk is not encrypted")],
    ),
    (
        AWS,
        drop("available_node_types", "head", "node_config", "BlockDeviceMappings"),
        [("warning", f"{HEAD}.node_config.BlockDeviceMappings", "a disk is not encrypted")],
    ),
]


@pytest.mark.parametrize(("name", "change", "expected"), MUTATIONS, ids=[str(i) for i in range(len(MUTATIONS))])
def test_each_fault_gives_exactly_its_finding(
    name: str,
    change: Callable[[dict[str, Any]], None],
    expected: list[tuple[str, ...]],
    tmp_path: Path,
) -> None:
    changed = document(name)
    change(changed)
    findings = findings_in(changed, tmp_path)
    assert len(findings) == len(expected), findings
    for want in expected:
        assert any(all(part in " ".join(one) for part in want) for one in findings), (want, findings)


@pytest.mark.slow
def test_every_check_is_broken_by_some_mutation() -> None:
    silent = {check.__name__ for check in RAY_CHECKS}
    for name, change, _ in MUTATIONS:
        changed = document(name)
        change(changed)
        silent -= {check.__name__ for check in RAY_CHECKS if list(check(changed))}
    assert silent == set()


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = st.recursive(SCALARS, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=3), x, max_size=3))


@pytest.mark.slow
@given(key=st.sampled_from(sorted(document(AWS))), value=VALUES)
def test_no_content_breaks_the_checks(key: str, value: Any) -> None:
    changed = {**document(AWS), key: value}
    for check in RAY_CHECKS:
        list(check(changed))
