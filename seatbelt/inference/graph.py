"""The whole path from an image to probabilities as one network, which `torch.export` and ONNX can hold."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from seatbelt.inference.record import ModelRecord
from seatbelt.inference.resizing import resize_images
from seatbelt.models.architectures import pad_to_multiple


class PredictionGraph(nn.Module):
    """Maps images (N, H, W, 3), uint8, RGB, of any size to probabilities (N, K, H, W), float32, the target first."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, networks: list[nn.Module], record: ModelRecord) -> None:
        """Hold the networks of a model, whose probabilities are averaged."""
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.size = (record.height, record.width)
        self.multiple = record.padding.multiple
        self.register_buffer("mean", torch.tensor(record.mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(record.std).view(1, 3, 1, 1) * 255, persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the probabilities of images."""
        pixels = (resize_images(images, *self.size) - self.mean) / self.std
        padded = pad_to_multiple(pixels, self.multiple)
        members = [
            torch.sigmoid(resize_logits(network(padded)[..., : self.size[0], : self.size[1]], images.shape[1:3]))
            for network in self.networks
        ]
        return members[0] if len(members) == 1 else torch.stack(members).mean(dim=0)


def resize_logits(logits: torch.Tensor, size: tuple[int, int] | torch.Size) -> torch.Tensor:
    """Return logits (N, K, h, w) at the size (H, W) of the image, by bilinear interpolation."""
    return functional.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False)
