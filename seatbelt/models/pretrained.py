"""What smp and timm say of the ImageNet weights of their encoders: address, normalisation, licence.

Nothing here uses the network. Several weights may exist for one encoder; which one `imagenet` means is fixed:

* smp: the first of its entries that begins with `imagenet` (`imagenet`, else `imagenet+5k`);
* timm: the tag in the name (`timm:convnext_tiny.fb_in1k`); without one, timm's own default, if its tag says that it saw
  ImageNet (`in1k`, `in12k`, `in21k` or `in22k`), else the first such tag in timm's order.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import segmentation_models_pytorch as smp
import timm

from seatbelt.config.encoders import is_timm
from seatbelt.models.colour_statistics import HALF, IMAGENET_MEAN, IMAGENET_STD, Triple
from seatbelt.models.encoders import check_name, timm_name

FILE = "model.safetensors"
"""File of weights in a repository of the Hugging Face hub."""


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """Published weights of an encoder."""

    stem: str
    """Name of the file in a folder of weights, without the digits of its hash and without its ending."""
    repository: str | None
    """Repository on the Hugging Face hub; None if the file has another address."""
    revision: str | None
    """Commit of the repository; None for its newest."""
    url: str
    """Where to download the file."""
    mean: Triple
    std: Triple
    licence: str
    """Identifier such as `apache-2.0`; empty where smp or timm do not say."""

    @property
    def page(self) -> str:
        """The page that describes the weights."""
        return f"https://huggingface.co/{self.repository}" if self.repository else self.url


@functools.cache
def pretrained(encoder: str) -> Pretrained | None:
    """Return the ImageNet weights of an encoder of smp or timm, None if nobody published any.

    Raises:
        UserError: The encoder does not exist.
    """
    check_name(encoder)
    return _of_timm(timm_name(encoder)) if is_timm(encoder) else _of_smp(encoder)


def _of_smp(encoder: str) -> Pretrained | None:
    settings = smp.encoders.encoders[encoder]["pretrained_settings"]
    entry = next((settings[name] for name in settings if name.startswith("imagenet")), None)
    if entry is None:
        return None
    mean, std = next((values for prefix, values in _SMP_NORMALISATION if encoder.startswith(prefix)), _IMAGENET)
    repository, revision = entry["repo_id"], entry["revision"]
    return Pretrained(
        stem=encoder,
        repository=repository,
        revision=revision,
        url=_hub_url(repository, revision, FILE),
        mean=mean,
        std=std,
        licence="",
    )


def _of_timm(name: str) -> Pretrained | None:
    architecture, _, tag = name.partition(".")
    if not tag:
        names = [name, *timm.list_pretrained(f"{architecture}.*")]
        tags = [found.tag for found in map(timm.models.get_pretrained_cfg, names) if found and found.tag]
        tag = next((tag for tag in tags if _SAW_IMAGENET.search(tag)), "")
        if tags and not tag:
            return None
    config = timm.models.get_pretrained_cfg(f"{architecture}.{tag}" if tag else name)
    if config is None or not (config.hf_hub_id or config.url):
        return None
    file = config.hf_hub_filename or FILE
    address = config.url if isinstance(config.url, str) else ""
    (red, green, blue), (of_red, of_green, of_blue) = config.mean, config.std
    return Pretrained(
        stem=f"{architecture}.{tag}" if tag else f"timm-{architecture}",
        repository=config.hf_hub_id,
        revision=None,
        url=_hub_url(config.hf_hub_id, "main", file) if config.hf_hub_id else address,
        mean=(red, green, blue),
        std=(of_red, of_green, of_blue),
        licence=config.license or "",
    )


def _hub_url(repository: str, revision: str, file: str) -> str:
    return f"https://huggingface.co/{repository}/resolve/{revision}/{file}"


_SAW_IMAGENET = re.compile(r"in1k|in12k|in21k|in22k")

_IMAGENET = (IMAGENET_MEAN, IMAGENET_STD)
_SMP_NORMALISATION: list[tuple[str, tuple[Triple, Triple]]] = [
    ("dpn", ((124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3)),
    ("inception", (HALF, HALF)),
    ("xception", (HALF, HALF)),
    ("timm-tf_efficientnet_lite", (HALF, HALF)),
]
"""Prefix -> mean and standard deviation where they are not ImageNet's; smp itself reads them from the network."""
