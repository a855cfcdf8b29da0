from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from seatbelt.explain.explanation import Explanation, Options, explain
from seatbelt.explain.panel import compose, panel
from tests.seatbelt.explain.networks import bright, geometry, predictor

IGNORED = 255


@pytest.fixture
def explanation() -> Explanation:
    image = np.full((20, 40, 3), 90, np.uint8)
    image[4:8, :20] = 220
    codes = np.zeros((20, 40), np.uint8)
    codes[4:8, 10:30] = 1
    codes[4:8, :2] = IGNORED
    return explain(predictor(lambda images: bright(images)), image, codes, Options())


def test_an_explanation_matches_the_one_by_hand(explanation: Explanation) -> None:
    assert (explanation.intersection, int(explanation.predicted.sum()), int(explanation.target.sum())) == (40, 72, 80)
    assert explanation.iou == pytest.approx(40 / 112)
    # White flips dark pixels: 32 where half a square is dark, 64 elsewhere, less in the row of small squares.
    assert explanation.distances.tolist() == [[32, 32, 48, 64, 64], [64] * 5, [32] * 5]
    assert explanation.gradient[4:8, :20] == pytest.approx(1 / 255)
    assert explanation.gradient.sum() == pytest.approx(80 / 255)
    target, near, elsewhere = explanation.by_gradient
    assert (target.importance, near.importance, elsewhere.importance) == pytest.approx((40 / 72, 4 / 72, 28 / 72))
    assert target.area == pytest.approx(80 / 792)


def test_a_shortcut_has_its_importance_elsewhere() -> None:
    """The prediction is right by its place alone: neither method finds anything on the target."""
    image = np.random.default_rng(0).integers(0, 256, (20, 40, 3), np.uint8)
    codes = np.zeros((20, 40), np.uint8)
    codes[4:8] = 1
    explanation = explain(predictor(lambda images: geometry(images) + 0 * images[:, 0]), image, codes, Options())
    assert explanation.iou == 1
    assert [share.importance for share in (*explanation.by_occlusion, *explanation.by_gradient)] == [None] * 6
    assert len(panel(explanation, "t", "s")) > 1000, "and it can be drawn"


def test_the_picture_holds_masks_maps_and_labels(explanation: Explanation) -> None:
    picture = compose(explanation)
    found, missed, false = [86, 180, 233], [240, 228, 66], [213, 94, 0]
    assert [picture.masks[5, x].tolist() for x in (15, 25, 5)] == [found, missed, false]
    assert picture.masks[15, 15].tolist() in ([40, 40, 40], [41, 41, 41])
    assert (picture.farthest, picture.labels[1]) == (64, "pixels that change")
    spiky = dataclasses.replace(explanation, gradient=np.where(np.arange(800).reshape(20, 40) == 7, 100.0, 1.0))
    picture = compose(spiky)
    assert picture.cut and picture.brightest < 100 and picture.gradient.max() == picture.brightest


@pytest.mark.parametrize("title", ["images/$x_$.png", "images/" + "long/" * 60 + "x.png", "images/\u6f22.png"])
def test_a_panel_has_content_and_clips_nothing(explanation: Explanation, title: str) -> None:
    with Image.open(io.BytesIO(panel(explanation, title, "unet with resnet18"))) as file:
        pixels = np.asarray(file.convert("RGB")).astype(int)
    assert pixels.shape[1] == 1800
    edges = np.concatenate([pixels[:4].reshape(-1, 3), pixels[-4:].reshape(-1, 3), pixels[:, :4].reshape(-1, 3)])
    assert (edges == 255).all() and (pixels[:, -4:] == 255).all(), "nothing reaches the edge"
    blue = (abs(pixels - [86, 180, 233]) < 12).all(axis=2)
    left, middle, right = blue[:, :600], blue[:, 600:1200], blue[:, 1200:]
    assert middle.sum() > 1000 and left.sum() == right.sum() == 0
    inferno = (pixels[..., 0] > 200) & (pixels[..., 2] < 80)
    assert inferno[:, :600].any() and inferno[:, 1200:].any()
    assert (pixels[10:60] < 100).any(), "the heading"
