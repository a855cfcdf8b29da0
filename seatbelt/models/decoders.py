"""The twelve decoders of segmentation-models-pytorch (smp), each on an encoder with random weights.

`seatbelt.models.architectures` says what is chosen here instead of smp's defaults.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from seatbelt.config.trial import ModelConfig
from seatbelt.models.encoders import building_quietly, encoder_arguments, smp_name

WITH_OUTPUT_STRIDE = frozenset({"deeplabv3", "deeplabv3plus", "pan", "pspnet"})
"""Decoders whose encoder is dilated, so that its deepest features have the stride that is configured."""

_CHANNELS = (256, 128, 64, 32, 16)
"""The numbers of channels in smp; an encoder with fewer stages has a decoder with fewer."""

_DPT_BLOCKS = 4
"""DPT reads this many blocks of a whole encoder, evenly spaced."""


def build_decoder(model: ModelConfig, channels: int) -> nn.Module:
    """Return a network with a decoder on its encoder, whose weights are all drawn from torch's global generator."""
    with building_quietly():
        return _DECODERS[model.decoder](model, channels)


def _fpn(model: ModelConfig, channels: int) -> nn.Module:
    return _network(smp.FPN, model, channels, decoder_dropout=model.decoder_dropout)


def _deeplabv3(model: ModelConfig, channels: int) -> nn.Module:
    return _network(smp.DeepLabV3, model, channels, **_deeplab_arguments(model))


def _deeplabv3plus(model: ModelConfig, channels: int) -> nn.Module:
    return _network(smp.DeepLabV3Plus, model, channels, **_deeplab_arguments(model))


def _deeplab_arguments(model: ModelConfig) -> dict[str, Any]:
    return {"encoder_output_stride": model.output_stride, "decoder_aspp_dropout": model.decoder_dropout}


def _unet(model: ModelConfig, channels: int) -> nn.Module:
    return _with_dropout(_network(smp.Unet, model, channels, **_channel_arguments(model)), model.decoder_dropout)


def _unetplusplus(model: ModelConfig, channels: int) -> nn.Module:
    network = _network(smp.UnetPlusPlus, model, channels, **_channel_arguments(model))
    return _with_dropout(network, model.decoder_dropout)


def _manet(model: ModelConfig, channels: int) -> nn.Module:
    return _with_dropout(_network(smp.MAnet, model, channels, **_channel_arguments(model)), model.decoder_dropout)


def _channel_arguments(model: ModelConfig) -> dict[str, Any]:
    return {"decoder_channels": _CHANNELS[: model.encoder_depth]}


def _linknet(model: ModelConfig, channels: int) -> nn.Module:
    return _with_dropout(_network(smp.Linknet, model, channels), model.decoder_dropout)


def _pan(model: ModelConfig, channels: int) -> nn.Module:
    # A shorter encoder has a stride of 16 or less already; smp's 32 leaves it as it is.
    stride = model.output_stride if model.encoder_depth == 5 else 32
    network = _network(smp.PAN, model, channels, encoder_output_stride=stride)
    return _with_dropout(network, model.decoder_dropout)


def _pspnet(model: ModelConfig, channels: int) -> nn.Module:
    # smp would cut the encoder after three stages instead; the paper dilates a whole one.
    whole = model.encoder_depth == 5
    return _network(
        smp.PSPNet,
        model,
        channels,
        psp_dropout=model.decoder_dropout,
        upsampling=model.output_stride if whole else 2**model.encoder_depth,
        **({"output_stride": model.output_stride} if whole else {}),
    )


def _segformer(model: ModelConfig, channels: int) -> nn.Module:
    return _with_dropout(_network(smp.Segformer, model, channels), model.decoder_dropout)


def _upernet(model: ModelConfig, channels: int) -> nn.Module:
    return _with_dropout(_network(smp.UPerNet, model, channels), model.decoder_dropout)


def _dpt(model: ModelConfig, channels: int) -> nn.Module:
    arguments = encoder_arguments(model.encoder)
    tokens = arguments.pop("prefix_tokens", False)
    network: nn.Module = smp.DPT(
        smp_name(model.encoder),
        encoder_depth=_DPT_BLOCKS,
        encoder_weights=None,
        decoder_readout="cat" if tokens else "ignore",
        classes=channels,
        # The encoder of DPT is a whole model of timm; without this it would keep its classifier.
        num_classes=0,
        **arguments,
    )
    # What comes after the last block that DPT reads would have no gradients.
    encoder: Any = network.get_submodule("encoder")
    encoder.model.prune_intermediate_layers(encoder._output_indices, prune_norm=True, prune_head=True)
    for layer in network.get_submodule("segmentation_head").modules():
        if isinstance(layer, nn.Dropout):
            layer.p = model.decoder_dropout
    return network


def _network(build: Callable[..., nn.Module], model: ModelConfig, channels: int, **arguments: Any) -> nn.Module:  # noqa: ANN401
    of_encoder = encoder_arguments(model.encoder)
    of_encoder.pop("prefix_tokens", None)
    return build(
        smp_name(model.encoder),
        encoder_depth=model.encoder_depth,
        encoder_weights=None,
        classes=channels,
        **arguments,
        **of_encoder,
    )


def _with_dropout(network: nn.Module, probability: float) -> nn.Module:
    """Put dropout before the head of decoders without dropout in smp, so that studies of dropout cover them.

    It drops whole channels, as in smp's FPN (DeepLab drops single values after the pyramid). The layers of the head
    keep their names, so that checkpoints do not depend on the dropout.
    """
    if probability > 0:
        head = network.get_submodule("segmentation_head")
        layers = OrderedDict[str, nn.Module](dropout=nn.Dropout2d(probability))
        layers.update(head.named_children())
        network.segmentation_head = nn.Sequential(layers)
    return network


_DECODERS: dict[str, Callable[[ModelConfig, int], nn.Module]] = {
    "fpn": _fpn,
    "deeplabv3": _deeplabv3,
    "deeplabv3plus": _deeplabv3plus,
    "unet": _unet,
    "unetplusplus": _unetplusplus,
    "linknet": _linknet,
    "manet": _manet,
    "pan": _pan,
    "pspnet": _pspnet,
    "segformer": _segformer,
    "upernet": _upernet,
    "dpt": _dpt,
}
