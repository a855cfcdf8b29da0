"""Tiles cover an image, and their mean is seamless."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seatbelt.models.tiling import segment_tiles, tile_starts


@given(length=st.integers(1, 900), tile=st.integers(1, 300))
def test_tiles_cover_a_side_and_overlap_by_half(length: int, tile: int) -> None:
    tile = min(length, tile)
    starts = tile_starts(length, tile)
    assert starts[0] == 0 and starts[-1] + tile == length
    for first, second in itertools.pairwise(starts):
        assert 0 < second - first <= max(1, (tile + 1) // 2)


@settings(max_examples=20)
@given(height=st.integers(32, 90), width=st.integers(32, 90), tile=st.tuples(st.integers(32, 64), st.integers(32, 64)))
def test_a_network_of_single_pixels_is_the_same_by_tiles(height: int, width: int, tile: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(3, 2, kernel_size=1)
    images = torch.randn(2, 3, height, width)
    with torch.no_grad():
        torch.testing.assert_close(segment_tiles(network, images, tile), network(images), rtol=1e-4, atol=1e-5)


def test_an_image_no_larger_than_a_tile_is_one_tile() -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(3, 1, kernel_size=3, padding=1)
    images = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        torch.testing.assert_close(segment_tiles(network, images, (64, 64)), network(images), rtol=1e-4, atol=1e-5)


class Edges(nn.Module):
    """Returns 1 at the border of what it sees, else 0."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = torch.ones(len(images), 1, *images.shape[2:])
        logits[..., 1:-1, 1:-1] = 0
        return logits


def test_the_borders_of_tiles_hardly_count() -> None:
    inner = segment_tiles(Edges(), torch.zeros(1, 3, 128, 128), (64, 64))[0, 0, 1:-1, 1:-1]
    # Where the border of a tile meets the middle of its neighbours, their weights are 1/64 and 63/64 along one axis.
    assert inner.max().item() == pytest.approx(1 / 64, abs=0.02)
