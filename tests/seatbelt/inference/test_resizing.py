from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seatbelt.data.loading.decoded_cache import resize
from seatbelt.inference.resizing import resize_image, resize_images
from tests.seatbelt.inference.models import picture

SIDES = st.integers(1, 90)
TARGETS = st.integers(32, 48)


@settings(max_examples=60)
@given(SIDES, SIDES, TARGETS, TARGETS, st.integers(0, 9))
@example(75, 87, 32, 46, 8)  # One mean lies on the edge of what counts as halfway.
def test_the_graph_sees_the_pixels_of_the_array_but_for_those_at_the_edge_of_a_tie(
    rows: int, columns: int, height: int, width: int, seed: int
) -> None:
    image = picture(rows, columns, seed)
    graph = resize_images(torch.from_numpy(image)[None], height, width)
    assert graph.shape == (1, 3, height, width) and graph.dtype == torch.float32
    difference = np.abs(graph[0].permute(1, 2, 0).numpy() - resize_image(image, height, width))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.002


@settings(max_examples=60)
@given(SIDES, SIDES, TARGETS, TARGETS, st.integers(0, 9))
@example(38, 33, 42, 32, 0)  # One side grows, and a whole multiple of its scale rounds down.
def test_pixels_are_those_of_training_but_for_the_rounding_of_a_few(
    rows: int, columns: int, height: int, width: int, seed: int
) -> None:
    image = picture(rows, columns, seed)
    trained, _ = resize(image, np.zeros((rows, columns), np.uint8), height, width)
    difference = np.abs(resize_image(image, height, width).astype(int) - trained)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.05


@pytest.mark.parametrize("size", [(480, 848), (240, 424), (120, 212), (96, 160), (64, 112)])
def test_a_camera_image_is_resized_as_in_training(size: tuple[int, int]) -> None:
    image = cv2.GaussianBlur(picture(480, 848), (0, 0), 1.5)
    trained, _ = resize(image, np.zeros((480, 848), np.uint8), *size)
    difference = resize_image(image, *size) != trained
    assert difference.mean() < 0.002


def test_halves_round_up_and_others_to_even() -> None:
    row = np.asarray([0, 1, 2, 3], np.uint8)
    image = np.repeat(np.tile(row, 16)[None, :, None], 64, axis=0).repeat(3, axis=2)
    # Means of two neighbours: 0.5 and 2.5; of four: 1.5.
    assert resize_image(image, 32, 32)[0, :2, 0].tolist() == [1, 3]
    quarter = np.repeat(image, 2, axis=0).repeat(2, axis=1)
    assert resize_image(np.tile(image, (2, 2, 1)), 32, 32)[0, :2, 0].tolist() == [2, 2]
    assert resize_image(quarter, 64, 64)[0, :4, 0].tolist() == [0, 1, 2, 3]
