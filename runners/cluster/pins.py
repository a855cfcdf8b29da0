"""Checks that every node gets the same software: images, packages, this package."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

from runners.cluster.problems import Problem, commands, error, mapping, warning

_SETUP_KEYS = ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")
_INSTALL = re.compile(r"\b(?:pip[\d.]*|uv)\b.*?\binstall\b(.*)")
_NIGHTLY = re.compile(r"ray-wheels/latest|\bdev0\b|\bnightly\b", re.IGNORECASE)
_VALUED = {"-c", "--constraint", "-r", "--requirement", "-i", "--index-url", "--extra-index-url", "-f", "--find-links"}


def check_packages(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that packages have exact versions, and that this one is installed."""
    setup = list(commands(document, *_SETUP_KEYS))
    for place, text in setup:
        yield from check_pip(place, text)
    if "setup_commands" not in document and mapping(document.get("provider")).get("type") != "local":
        yield error("setup_commands", "is missing: Ray's default installs a nightly build", "write it")
    elif not any(_installs_this(text) for _, text in setup):
        yield warning(
            "setup_commands",
            "nothing installs this package",
            "install it with --constraint constraints.txt, unless the image has it",
        )


def check_pip(place: str, text: str) -> Iterator[Problem]:
    """Check the packages that one command installs."""
    if _NIGHTLY.search(text):
        yield error(place, "installs a nightly build", "install a release")
        return
    if not all(_is_exact(_words(part)) for part in _installs(text)):
        yield error(
            place, "packages without exact versions", "add --constraint constraints.txt, or NAME==VERSION for each"
        )


def check_images(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that container images have a fixed tag."""
    docker = mapping(document.get("docker"))
    named = [(f"docker.{key}", docker.get(key)) for key in ("image", "head_image", "worker_image")]
    for name, node in mapping(document.get("available_node_types")).items():
        place = f"available_node_types.{name}.docker.worker_image"
        named.append((place, mapping(mapping(node).get("docker")).get("worker_image")))
    for place, image in named:
        if image:
            yield from check_image(place, str(image))


def check_image(place: str, image: str) -> Iterator[Problem]:
    """Check one container image."""
    if "@sha256:" in image:
        return
    _, _, tag = image.rpartition("/")[2].partition(":")
    if not tag or tag.startswith(("latest", "nightly")):
        yield error(place, f"the image {image} is another one tomorrow", "name a tag of a release, or a digest")


def check_machine_images(document: dict[str, Any]) -> Iterator[Problem]:
    """Check that machine images are named, rather than the newest of a family."""
    kind = mapping(document.get("provider")).get("type")
    for name, node in mapping(document.get("available_node_types")).items():
        config = mapping(mapping(node).get("node_config"))
        place = f"available_node_types.{name}.node_config"
        if kind == "aws" and not {"ImageId", "LaunchTemplate"} & set(config):
            yield error(
                f"{place}.ImageId", "is missing: Ray has an old image for some regions, and none for others", "name one"
            )
        if kind == "gcp" and "/family/" in str(config.get("disks")):
            yield error(f"{place}.disks", "a family of images is another image tomorrow", "name one image")


def _installs_this(text: str) -> bool:
    return any("seatbelt" in word for part in _installs(text) for word in _packages(_words(part)))


def _installs(text: str) -> list[str]:
    """Return the arguments of each installation in a command."""
    parts = (_INSTALL.search(part) for part in re.split(r"&&|\|\||[;|\n]", text))
    return [commands.group(1) for commands in parts if commands]


def _is_exact(words: list[str]) -> bool:
    if any(word.startswith(("--constraint", "-c", "--require-hashes")) for word in words):
        return True
    listed = any(word in {"-r", "--requirement"} or word.startswith("--requirement=") for word in words)
    return not listed and all("==" in package for package in _packages(words))


def _packages(words: list[str]) -> list[str]:
    pairs = zip(["", *words], words, strict=False)
    return [word for before, word in pairs if not word.startswith("-") and before not in _VALUED]


def _words(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError:
        return arguments.split()
