"""The encoders by their names in segmentation-models-pytorch (smp)."""

from __future__ import annotations

import segmentation_models_pytorch as smp
import torch
from torch import nn

SMP_ENCODERS: dict[str, str] = {
    "resnet18": "resnet18",
    "resnet34": "resnet34",
    "resnet50": "resnet50",
    "resnet101": "resnet101",
    "resnet152": "resnet152",
    # Not `timm-tf_efficientnet_lite...`, which lack the SAME padding and the batch-norm epsilon of the weights.
    "lite0": "tu-tf_efficientnet_lite0",
    "lite1": "tu-tf_efficientnet_lite1",
    "lite2": "tu-tf_efficientnet_lite2",
}


def encoder_on_meta(encoder: str) -> nn.Module:
    """Return an encoder as in `architectures.build`, with the names and shapes of its parameters but no values."""
    with torch.device("meta"):
        network: nn.Module = smp.encoders.get_encoder(SMP_ENCODERS[encoder], weights=None)
    return network
