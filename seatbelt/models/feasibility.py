"""Which encoders go with which decoders: found out by building them without memory, before anything is trained."""

from __future__ import annotations

import functools

import torch
from torch import nn

from seatbelt.config.encoders import ENCODERS
from seatbelt.config.trial import THESIS_DECODERS, ModelConfig
from seatbelt.models.architectures import build, effective_output_stride, segment
from seatbelt.models.decoders import WITH_OUTPUT_STRIDE
from seatbelt.models.encoders import on_meta
from seatbelt.models.weights import without_weights

_TRANSLATIONS = {
    "Unsupported model downsampling pattern": "its features do not halve from stage to stage; dpt takes plain "
    "vision transformers",
    "unexpected keyword argument 'output_stride'": "it cannot be dilated to the output stride",
    "Wrong input shape": "its patches do not divide images that are padded to multiples of 32 pixels",
    "Only Timm encoders are supported": "dpt takes models of timm only, such as timm:vit_tiny_patch16_224",
    "has no attribute 'feature_info'": "it has no features of several stages",
    "doesn't match model": "it takes images of one size only",
}
"""Part of a message of smp or timm -> the reason for users."""

_BATCH_NORM = "Expected more than 1 value per channel"


def find_obstacle(model: ModelConfig, height: int, width: int) -> str | None:
    """Return why a network cannot be built or cannot train on images of a size; None if it can.

    The network is built on torch's meta device, which has shapes but no values, and runs one forward pass.

    Args:
        model: The architecture; only encoder, decoder, encoder depth and output stride matter.
        height: Height of the images in pixels.
        width: Width of the images in pixels.
    """
    if is_proven(model):
        return None
    return _obstacle(_architecture(model), height, width, images=2)


def takes_single_images(model: ModelConfig, height: int, width: int) -> bool:
    """Return whether a network trains on batches of one image.

    It does not if batch norm sees a single value per channel and image.
    """
    fault = _obstacle(_architecture(model), height, width, images=1)
    return fault is None or _BATCH_NORM not in fault


def is_proven(model: ModelConfig) -> bool:
    """Return whether tests build this pair, so that nobody has to try."""
    return model.encoder in ENCODERS and model.decoder in THESIS_DECODERS


def _architecture(model: ModelConfig) -> ModelConfig:
    """Return a model without what does not matter here, so that equal ones are tried once."""
    return model.model_copy(update={"weights": "none", "decoder_dropout": 0.0})


@functools.cache
def _obstacle(model: ModelConfig, height: int, width: int, *, images: int) -> str | None:
    try:
        network = _build(model)
        features: list[torch.Tensor] = []
        network.get_submodule("encoder").register_forward_hook(lambda _module, _input, output: features.extend(output))
        logits = segment(network, torch.zeros(images, 3, height, width, device="meta"))
    except Exception as error:  # (smp, timm and torch raise anything)
        return _reason(error, dilated=model.decoder in WITH_OUTPUT_STRIDE)
    if logits.shape != (images, 1, height, width):
        return f"its logits have {logits.shape[-2]}x{logits.shape[-1]} pixels for images of {height}x{width}"
    stride = effective_output_stride(model)
    if model.decoder in WITH_OUTPUT_STRIDE and features[-1].shape[-1] != (width + -width % 32) // stride:
        return f"its deepest features have another stride than {stride}"
    return None


def _build(model: ModelConfig) -> nn.Module:
    with on_meta():
        return build(model, 1, weights=without_weights())


def _reason(error: Exception, *, dilated: bool) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if dilated and text == AssertionError.__name__:
        # HRNets of timm assert their stride without a word.
        return "it cannot be dilated to the output stride"
    if "output size is too small" in text or "Output size is too small" in text:
        return "the images are too small for it"
    return next((reason for part, reason in _TRANSLATIONS.items() if part in text), text[:200])
