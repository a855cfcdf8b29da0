"""Networks whose explanations are known beforehand."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from seatbelt.explain.predictor import Predictor


class Network(nn.Module):
    """A network of one function from images (N, 3, H, W) with values from 0 to 1 to logits (N, H, W)."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.function(images)[:, None]


def predictor(network: nn.Module | Callable[[torch.Tensor], torch.Tensor]) -> Predictor:
    module = network if isinstance(network, nn.Module) else Network(network)
    return Predictor(network=module, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def one_pixel(row: int, column: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Everything is the target if one pixel is bright."""

    def logits(images: torch.Tensor) -> torch.Tensor:
        return (images[:, 0, row, column] - 0.5)[:, None, None].expand(-1, *images.shape[2:])

    return logits


def bright(images: torch.Tensor) -> torch.Tensor:
    """The target is where red is above one half: each pixel decides for itself."""
    return images[:, 0] - 0.5


def geometry(images: torch.Tensor) -> torch.Tensor:
    """The target is in rows 4 to 7 of every image."""
    rows = torch.arange(images.shape[2])[None, :, None]
    return torch.where((rows >= 4) & (rows < 8), 1.0, -1.0).expand(len(images), -1, images.shape[3])
