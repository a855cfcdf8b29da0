"""Names of encoders, and the form that a configuration records.

There are three kinds: eight short names (five ResNets, three EfficientNet-Lites), every name that
segmentation-models-pytorch (smp) registers, and `timm:NAME` for a model of timm. Timm registers over a thousand, and
only torch can list them, so that here only the form of `timm:NAME` is checked; `seatbelt.models.encoders.check_name`
looks the name up.
"""

from __future__ import annotations

import difflib
import re

from seatbelt.config.notation import plain_name

ENCODERS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "lite0", "lite1", "lite2")
"""The encoders with a name of their own here."""
RESNETS = ENCODERS[:5]
LITES = ENCODERS[5:]

TIMM = "timm:"
"""Prefix of a model of timm: `timm:convnext_tiny`, or with the tag of its weights `timm:convnext_tiny.fb_in1k`."""

SMP_NAMES: tuple[str, ...] = tuple(
    """
    resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x4d resnext101_32x8d
    resnext101_32x16d resnext101_32x32d resnext101_32x48d dpn68 dpn68b dpn92 dpn98 dpn107 dpn131 vgg11
    vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn senet154 se_resnet50 se_resnet101 se_resnet152
    se_resnext50_32x4d se_resnext101_32x4d densenet121 densenet169 densenet201 densenet161 inceptionresnetv2
    inceptionv4 efficientnet-b0 efficientnet-b1 efficientnet-b2 efficientnet-b3 efficientnet-b4
    efficientnet-b5 efficientnet-b6 efficientnet-b7 mobilenet_v2 xception timm-efficientnet-b0
    timm-efficientnet-b1 timm-efficientnet-b2 timm-efficientnet-b3 timm-efficientnet-b4 timm-efficientnet-b5
    timm-efficientnet-b6 timm-efficientnet-b7 timm-efficientnet-b8 timm-efficientnet-l2
    timm-tf_efficientnet_lite0 timm-tf_efficientnet_lite1 timm-tf_efficientnet_lite2
    timm-tf_efficientnet_lite3 timm-tf_efficientnet_lite4 timm-skresnet18 timm-skresnet34
    timm-skresnext50_32x4d mit_b0 mit_b1 mit_b2 mit_b3 mit_b4 mit_b5 mobileone_s0 mobileone_s1 mobileone_s2
    mobileone_s3 mobileone_s4
    """.split()
)
"""The encoders that smp registers, in its order."""


def is_timm(encoder: str) -> bool:
    """Return whether a canonical name is that of a model of timm."""
    return encoder.startswith(TIMM)


def encoder_name(text: str) -> str:
    """Return the canonical name of an encoder: `ResNet-34` becomes `resnet34`, `tu-NAME` becomes `timm:NAME`.

    Raises:
        ValueError: There is no such encoder; the message names similar ones.
    """
    text = text.strip()
    lower = text.lower()
    for prefix in (TIMM, "tu-"):
        if lower.startswith(prefix):
            return _timm_name(text, lower.removeprefix(prefix))
    plain = plain_name(text)
    if plain not in _BY_PLAIN_NAME:
        raise ValueError(f"there is no encoder {text!r}; {_advice(plain)}")
    return _BY_PLAIN_NAME[plain]


def similar_names(name: str, names: list[str]) -> list[str]:
    """Return up to three names that resemble one, the most similar first."""
    return difflib.get_close_matches(name, names, n=3, cutoff=0.6)


def _timm_name(text: str, name: str) -> str:
    if not _TIMM_FORM.fullmatch(name):
        raise ValueError(f"a model of timm is written timm:NAME or timm:NAME.TAG, but got {text!r}")
    # The same network, so that it is the same arm.
    return _TIMM_SYNONYMS.get(name, f"{TIMM}{name}")


def _advice(plain: str) -> str:
    similar = [_BY_PLAIN_NAME[name] for name in similar_names(plain, list(_BY_PLAIN_NAME))]
    examples = f"did you mean {', '.join(dict.fromkeys(similar))}? " if similar else ""
    return f"{examples}`seatbelt studies --encoders '*'` lists them, and timm:NAME is a model of timm"


_TIMM_FORM = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)?")
_TIMM_SYNONYMS = {f"tf_efficientnet_{name}": name for name in LITES}

_BY_PLAIN_NAME = {plain_name(name): name for name in (*ENCODERS, *SMP_NAMES)}
_BY_PLAIN_NAME |= {f"{prefix}efficientnet{name}": name for name in LITES for prefix in ("", "tf", "tutf")}
