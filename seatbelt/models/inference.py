"""From images to logits: the one path that training, tests, explanations and cost profiles share."""

from __future__ import annotations

import torch
from torch import nn

from seatbelt.models.architectures import segment
from seatbelt.models.tiling import segment_tiles


class Normalisation:
    """Subtracts the mean of each colour and divides by its standard deviation."""

    def __init__(
        self, mean: tuple[float, float, float], std: tuple[float, float, float], device: str | torch.device
    ) -> None:
        """Move mean and standard deviation of red, green and blue, on a scale from 0 to 1, to a device."""
        self.mean = torch.tensor(mean, device=device).view(1, 3, 1, 1) * 255
        self.std = torch.tensor(std, device=device).view(1, 3, 1, 1) * 255

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Return images (N, 3, H, W) with values from 0 to 255 as the network expects them."""
        return (images - self.mean) / self.std


def memory_layout(*, channels_last: bool) -> torch.memory_format:
    """Return the memory layout of images and weights."""
    return torch.channels_last if channels_last else torch.contiguous_format


def image_logits(
    network: nn.Module,
    images: torch.Tensor,
    normalisation: Normalisation,
    *,
    channels_last: bool = False,
    bfloat16: bool = False,
    tile: tuple[int, int] | None = None,
) -> torch.Tensor:
    """Return the logits of images of any size.

    Args:
        network: A network of `seatbelt.models.architectures.build`.
        images: (N, H, W, 3), uint8, on the device of the network.
        normalisation: That of the network's initial weights.
        channels_last: Memory layout of the images.
        bfloat16: Run the forward pass under autocast.
        tile: Predict by overlapping tiles of this height and width; None for whole images.

    Returns:
        (N, K, H, W), float32.
    """
    return network_logits(
        network,
        normalisation(images.permute(0, 3, 1, 2).float()),
        channels_last=channels_last,
        bfloat16=bfloat16,
        tile=tile,
    )


def network_logits(
    network: nn.Module,
    images: torch.Tensor,
    *,
    channels_last: bool = False,
    bfloat16: bool = False,
    tile: tuple[int, int] | None = None,
) -> torch.Tensor:
    """Return the logits (N, K, H, W), float32, of normalised images (N, 3, H, W); see `image_logits`."""
    images = images.contiguous(memory_format=memory_layout(channels_last=channels_last))
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=bfloat16):
        logits = segment(network, images) if tile is None else segment_tiles(network, images, tile)
    return logits.float()
