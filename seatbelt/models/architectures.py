"""Segmentation networks: an encoder with a decoder, built by segmentation-models-pytorch (smp) without its defaults.

The defaults of smp differ and would confound a comparison of architectures. Decoders differ in dropout (0, 0.1, 0.2 or
0.5), output stride (8, 16 or 32) and encoder depth (3, 4 or 5); here all three come from the configuration. Encoders
differ in stochastic depth and dropout (0 to 0.2); here they have none. Widths, normalisation and interpolation are
those of each decoder's paper, as in smp. smp never loads weights, because it would download them;
`seatbelt.models.weights_file` loads them.
"""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import nn
from torch.nn import functional

from seatbelt.config.optimisation import OptimisationConfig
from seatbelt.config.trial import ModelConfig
from seatbelt.models.decoders import WITH_OUTPUT_STRIDE, build_decoder
from seatbelt.models.encoders import switch_off_dropout
from seatbelt.models.weights import ResolvedWeights
from seatbelt.models.weights_file import load_encoder

STRIDE = 32
"""Stride of the deepest features of five encoder stages, in pixels; images are padded to its multiples."""


class ParameterGroup(TypedDict):
    """One parameter group of Adam."""

    name: str
    params: list[nn.Parameter]
    lr: float
    weight_decay: float


def build(model: ModelConfig, channels: int, *, weights: ResolvedWeights) -> nn.Module:
    """Build a segmentation network.

    All other weights are drawn from torch's global generator, so seed it first. The encoder is drawn even if its
    weights are loaded afterwards: with one seed, `none` and `imagenet` start from the same decoder.

    Args:
        model: Architecture; the dropout applies to every decoder, the output stride to both DeepLabs, PAN and PSPNet.
        channels: Number of output channels K, one per label.
        weights: The weights of `model.encoder` and `model.weights` from `seatbelt.models.weights.resolve`.

    Returns:
        A network in training mode with the children `encoder`, `decoder` and `segmentation_head`, that maps
        images (N, 3, H, W), H and W multiples of 32, to logits (N, K, H, W). `segment` takes any size.

    Raises:
        UserError: The weights file has changed since it was resolved, or does not fit the encoder.
        Exception: Whatever smp or timm raise if this pair cannot be built; `seatbelt.models.feasibility` says before.
    """
    assert channels >= 1, f"a network needs at least one label, but got {channels=}"
    assert weights.spec == model.weights, f"weights of {weights.spec!r} for a model with {model.weights!r}"
    network = build_decoder(model, channels)
    switch_off_dropout(network.get_submodule("encoder"))
    load_encoder(network, model.encoder, weights)
    return network


def effective_output_stride(model: ModelConfig) -> int:
    """Return the stride of the deepest features in pixels.

    It is as configured for DeepLab, and for PAN and PSPNet with whole encoders, which are dilated for that; a shorter
    encoder of PAN or PSPNet has its own. All others have 32.
    """
    if model.decoder not in WITH_OUTPUT_STRIDE:
        return STRIDE
    return min(model.output_stride, 1 << model.encoder_depth)


def parameter_groups(network: nn.Module, optimisation: OptimisationConfig) -> list[ParameterGroup]:
    """Return Adam's two groups: `encoder`, and `decoder` with all other parameters.

    Each parameter is in exactly one of them. The learning rates are the initial ones.
    """
    encoder = list(network.get_submodule("encoder").parameters())
    of_encoder = {id(parameter) for parameter in encoder}
    others = [parameter for parameter in network.parameters() if id(parameter) not in of_encoder]
    return [
        ParameterGroup(
            name="encoder",
            params=encoder,
            lr=optimisation.encoder_learning_rate,
            weight_decay=optimisation.encoder_weight_decay,
        ),
        ParameterGroup(
            name="decoder",
            params=others,
            lr=optimisation.decoder_learning_rate,
            weight_decay=optimisation.decoder_weight_decay,
        ),
    ]


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def segment(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Run a network on images of any size: pad, forward, crop back.

    Args:
        network: A network of `build`.
        images: (N, 3, H, W), normalised floats.

    Returns:
        Logits, (N, K, H, W).
    """
    height, width = images.shape[-2:]
    logits: torch.Tensor = network(pad_to_multiple(images))
    return crop_back(logits, height, width)


def pad_to_multiple(images: torch.Tensor, multiple: int = STRIDE) -> torch.Tensor:
    """Pad images (N, C, H, W) at the bottom and on the right until both sides are multiples of a number.

    The border pixels are replicated. Unlike reflection this works for every size and shows no belt twice. All decoders
    get the same padding, although some need less.
    """
    height, width = images.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if not down and not right:
        return images
    return functional.pad(images, (0, right, 0, down), mode="replicate")


def crop_back(logits: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Undo `pad_to_multiple`: cut (N, K, H', W') down to (N, K, height, width)."""
    return logits[..., :height, :width]
