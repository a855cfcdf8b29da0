from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from seatbelt.config.trial import ModelConfig
from seatbelt.errors import UserError
from seatbelt.explain.occlusion import fill_colour, occlusion, spread
from seatbelt.explain.predictor import Predictor
from seatbelt.models.architectures import build
from seatbelt.models.weights import resolve
from tests.seatbelt.explain.networks import bright, geometry, one_pixel, predictor


def noise(height: int = 20, width: int = 27) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_one_pixel_makes_one_square_important() -> None:
    image = noise()
    image[13, 22] = 0
    distances = occlusion(predictor(one_pixel(13, 22)), image)
    expected = np.zeros((3, 4))
    # White turns the pixel on, and with it the prediction of all pixels.
    expected[1, 2] = 20 * 27
    assert np.array_equal(distances, expected)
    assert not occlusion(predictor(one_pixel(13, 22)), image, fill="black").any(), "it is black already"


def test_who_looks_at_no_pixel_has_no_important_square() -> None:
    for blind in (geometry, lambda images: torch.zeros_like(images[:, 0]) - 1):
        assert not occlusion(predictor(blind), noise(), compare="probabilities").any()


@pytest.mark.parametrize(("fill", "brightness"), [("white", 1.0), ("black", 0.0), ("mean", None), ("200", 200 / 255)])
def test_distances_of_a_linear_network(fill: str, brightness: float | None) -> None:
    image = noise()
    red = image[..., 0] / 255
    if brightness is None:
        brightness = round(float(image[..., 0].mean())) / 255
    flips = occlusion(predictor(bright), image, fill=fill)
    moves = occlusion(predictor(bright), image, fill=fill, compare="probabilities")
    for row in range(3):
        for column in range(4):
            inside = red[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            assert flips[row, column] == np.count_nonzero((inside > 0.5) != (brightness > 0.5))
            expected = sum(abs(sigmoid(value - 0.5) - sigmoid(brightness - 0.5)) for value in inside.flat)
            assert moves[row, column] == pytest.approx(expected, rel=1e-5)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_squares_tile_the_thesis_images() -> None:
    progress: list[tuple[int, int]] = []
    image = np.zeros((480, 848, 3), np.uint8)
    distances = occlusion(predictor(bright), image, square=80, progress=lambda *now: progress.append(now))
    assert distances.shape == (6, 11), "848 is no multiple of 80"
    assert np.array_equal(distances, np.full((6, 11), 80 * 80.0) * np.asarray([1.0] * 10 + [48 / 80]))
    assert progress == [(n, 66) for n in range(1, 67)]
    assert spread(np.ones((60, 106)), 8, 480, 848).shape == (480, 848), "6,360 squares"


def test_the_image_is_left_alone_and_may_be_read_only() -> None:
    image = noise()
    before = image.copy()
    image.flags.writeable = False
    occlusion(predictor(bright), image)
    assert np.array_equal(image, before)


def test_the_batch_size_changes_nothing() -> None:
    single, many = (occlusion(predictor(bright), noise(), batch_size=size) for size in (1, 5))
    assert np.array_equal(single, many)
    torch.manual_seed(0)
    initial = resolve("resnet18", "none")
    network = build(ModelConfig(encoder="resnet18", decoder="linknet", weights="none"), 1, weights=initial)
    network.train()
    of_network = Predictor(network=network, mean=initial.mean, std=initial.std)
    options = {"square": 16, "compare": "probabilities"}
    single, many = (occlusion(of_network, noise(32, 64), batch_size=size, **options) for size in (1, 5))
    assert np.allclose(single, many, rtol=1e-4)
    assert network.training, "a network in training mode stays in it"


def test_spread_keeps_the_sum() -> None:
    distances = spread(np.asarray([[4.0, 2.0], [6.0, 1.0]]), 2, 3, 3)
    assert distances.tolist() == [[1, 1, 1], [1, 1, 1], [3, 3, 1]]


def test_squares_have_the_fill_of_the_option() -> None:
    image = np.asarray([[[0, 10, 255], [1, 20, 255]]], np.uint8)
    assert fill_colour("white", image).tolist() == [255, 255, 255]
    assert fill_colour("black", image).tolist() == [0, 0, 0]
    assert fill_colour("mean", image).tolist() == [0, 15, 255]
    assert fill_colour("128", image).tolist() == [128, 128, 128]
    for wrong in ("256", "-1", "grey", "", "1.5", "²"):
        with pytest.raises(UserError, match="filled with white, black, mean or a grey value from 0 to 255, but got"):
            fill_colour(wrong, image)
    with pytest.raises(UserError, match="the side of a square must be at least 1 pixel, but got 0"):
        occlusion(predictor(bright), noise(), square=0)
