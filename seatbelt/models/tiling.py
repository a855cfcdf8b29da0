"""Large images by overlapping tiles, so that every pixel lies near the middle of a tile of the training size."""

from __future__ import annotations

import torch
from torch import nn

from seatbelt.models.architectures import segment


def segment_tiles(network: nn.Module, images: torch.Tensor, tile: tuple[int, int]) -> torch.Tensor:
    """Run a network on overlapping tiles and return their weighted mean.

    Neighbouring tiles overlap by half of a tile or more. The weight of a tile's pixel falls linearly from its middle to
    its edge, along both axes, so that no seam is visible.

    Args:
        network: A network of `build`.
        images: (N, 3, H, W), normalised floats.
        tile: Height and width of a tile, pixels; at most those of the images count.

    Returns:
        Logits, (N, K, H, W).
    """
    height, width = images.shape[-2:]
    rows, columns = min(tile[0], height), min(tile[1], width)
    weight = _ramp(rows, images).unsqueeze(1) * _ramp(columns, images).unsqueeze(0)
    sums: torch.Tensor | None = None
    total = torch.zeros(height, width, device=images.device)
    for top in tile_starts(height, rows):
        for left in tile_starts(width, columns):
            place = (..., slice(top, top + rows), slice(left, left + columns))
            logits = segment(network, images[place]).float()
            if sums is None:
                sums = torch.zeros(*logits.shape[:2], height, width, device=images.device)
            sums[place] += logits * weight
            total[place] += weight
    assert sums is not None
    return sums / total


def tile_starts(length: int, tile: int) -> list[int]:
    """Return where the tiles of a side begin, at even distances of at most half a tile, pixels."""
    steps = -(-(length - tile) // max(1, tile // 2))
    return [round(step * (length - tile) / steps) for step in range(steps + 1)] if steps else [0]


def _ramp(length: int, like: torch.Tensor) -> torch.Tensor:
    """Return weights that fall from 1 in the middle to almost 0 at the ends, (length,)."""
    position = torch.arange(length, device=like.device, dtype=torch.float32) + 0.5
    return torch.minimum(position, length - position) / (length / 2)
