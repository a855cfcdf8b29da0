"""Checks who can reach a cluster: ports, security groups, the token, the disks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from runners.cluster.problems import Problem, commands, error, items, mapping, warning

START_KEYS = ("head_start_ray_commands", "worker_start_ray_commands")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_DASHBOARD = re.compile(r"--dashboard-host[= ](\S+)")
_EVERYWHERE = re.compile(r"(?<![\d.])0\.0\.0\.0(?![\d.])|\[::\]")
_TOKEN_MODE = re.compile(r"RAY_AUTH_MODE=[\"']?token\b")
_TOKEN_WRITTEN = re.compile(r"(>|\btee|\bcp|-o|--output)\s*\S*auth_token")
_TOKEN_ITSELF = re.compile(r"RAY_AUTH_TOKEN=[\"']?[^\s$\"']")


def check_addresses(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that the dashboard is on loopback, and that nothing listens on all addresses."""
    for key in START_KEYS:
        if key not in document:
            yield error(
                key, "is missing: Ray's default has no token, and on a cloud the dashboard open to all", "write it"
            )
    for place, text in commands(document, *START_KEYS):
        yield from check_listening(place, text)


def check_listening(place: str, text: str) -> Iterator[Problem]:
    """Check one command that starts Ray."""
    for host in _DASHBOARD.findall(text):
        if host.strip("\"'") not in _LOOPBACK:
            yield error(place, f"the dashboard listens on {host}", "use --dashboard-host=127.0.0.1")
    if _EVERYWHERE.search(_DASHBOARD.sub("", text)):
        yield error(place, "Ray listens on every network", "name the address of the private network")


def check_security_groups(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that no rule admits the whole internet, neither one in the file nor one that Ray would make."""
    provider = mapping(document.get("provider"))
    rules = items(mapping(provider.get("security_group")).get("IpPermissions"))
    for index, rule in enumerate(map(mapping, rules)):
        ranges = [*items(rule.get("IpRanges")), *items(rule.get("Ipv6Ranges"))]
        for network in (mapping(x).get("CidrIp") or mapping(x).get("CidrIpv6") for x in ranges):
            if _is_everybody(str(network)):
                place = f"provider.security_group.IpPermissions.{index}"
                yield error(place, f"{network} lets everybody in", "name your own address or network")
    if provider.get("type") != "aws" or provider.get("use_internal_ips") is True:
        return
    for name, node in mapping(document.get("available_node_types")).items():
        config = mapping(mapping(node).get("node_config"))
        if not {"SecurityGroupIds", "NetworkInterfaces", "LaunchTemplate"} & set(config):
            yield error(
                f"available_node_types.{name}.node_config",
                "no SecurityGroupIds: the group that Ray makes opens SSH to 0.0.0.0/0",
                "name a group of your own that allows SSH from your address and everything within itself",
            )


def check_token(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that Ray asks for the token on every node, and that every node has it."""
    everywhere = bool(_TOKEN_MODE.search(str(mapping(document.get("docker")).get("run_options"))))
    for place, text in commands(document, *START_KEYS):
        if "ray start" in text and not everywhere and not _TOKEN_MODE.search(text):
            yield error(place, "starts Ray without RAY_AUTH_MODE=token", "write RAY_AUTH_MODE=token before ray start")
    every = list(
        commands(document, "initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")
    )
    for place, text in [*every, *commands(document, *START_KEYS)]:
        if _TOKEN_ITSELF.search(text):
            yield error(place, "holds the token itself", "bring the file by file_mounts, and make a new token")
    mounted = any(str(target).endswith("auth_token") for target in mapping(document.get("file_mounts")))
    if not mounted and not any(_TOKEN_WRITTEN.search(text) for _, text in every):
        yield error(
            "file_mounts", "the token is not brought to the nodes", 'add "~/.ray/auth_token": "~/.ray/auth_token"'
        )


def check_disks(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that disks are encrypted; Google's always are."""
    if mapping(document.get("provider")).get("type") != "aws":
        return
    for name, node in mapping(document.get("available_node_types")).items():
        disks = items(mapping(mapping(node).get("node_config")).get("BlockDeviceMappings"))
        encrypted = [mapping(mapping(disk).get("Ebs")).get("Encrypted") is True for disk in disks]
        if not encrypted or not all(encrypted):
            yield warning(
                f"available_node_types.{name}.node_config.BlockDeviceMappings",
                "a disk is not encrypted",
                "set Ebs: {Encrypted: true} for each",
            )


def _is_everybody(network: str) -> bool:
    try:
        return ipaddress.ip_network(network, strict=False).prefixlen == 0
    except ValueError:
        return False
