from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seatbelt.errors import UserError
from seatbelt.inference.measures import measure
from seatbelt.inference.overlay import FALSE, FOUND, MISSED, example, outcomes, overlay
from seatbelt.inference.prediction import Prediction
from tests.seatbelt.inference.models import picture, record, untrained


def prediction(*channels: list[list[float]]) -> Prediction:
    context = ("hair", "shirt")[: len(channels) - 1]
    return Prediction(probabilities=np.asarray(channels, np.float32), record=record(context=context))


def test_the_graph_predicts_as_the_model_at_any_size() -> None:
    model = untrained(record(context=("hair",), members=2))
    graph = model.graph()
    for height, width in ((40, 56), (41, 90), (200, 30), (20, 20)):
        image = picture(height, width)
        with torch.inference_mode():
            probabilities = graph(torch.from_numpy(image)[None])[0].numpy()
        assert probabilities.shape == (2, height, width)
        assert np.abs(probabilities - model.predict(image).probabilities).max() < 1e-5


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    both, image = untrained(record(members=2)), picture(30, 60)
    single = [type(both)(record(), [network]).predict(image).probabilities for network in both.networks]
    assert not np.allclose(single[0], single[1])
    assert np.allclose(both.predict(image).probabilities, np.mean(single, axis=0), atol=1e-6)


def test_a_batch_predicts_images_of_several_sizes_as_one_by_one() -> None:
    model, images = untrained(record()), [picture(40, 56), picture(33, 100), picture(90, 40)]
    for image, item in zip(images, model.predict_batch(images), strict=True):
        assert np.allclose(item.probabilities, model.predict(image).probabilities, atol=1e-5)


def test_a_file_is_read_upright(tmp_path: Path) -> None:
    model, pixels = untrained(record()), picture(30, 60)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    upright = np.ascontiguousarray(np.rot90(pixels, -1))
    assert (model.predict(tmp_path / "turned.png").mask == model.predict(upright).mask).all()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 0), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
    ],
)
def test_an_array_of_another_form_is_refused(array: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"an image is an array \(H, W, 3\) of uint8 .* convert it"):
        untrained(record()).predict(array)


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("no image")
    with pytest.raises(UserError, match=r"x\.jpg: the image cannot be decoded"):
        untrained(record()).predict(str(tmp_path / "x.jpg"))
    with pytest.raises(UserError, match=r"y\.jpg: the file is missing"):
        untrained(record()).predict(tmp_path / "y.jpg")


def test_the_target_wins_over_context_and_context_over_the_background() -> None:
    item = prediction([[0.6, 0.4, 0.5, 0.1]], [[0.9, 0.7, 0.2, 0.6]], [[0.1, 0.8, 0.3, 0.5]])
    assert item.mask.tolist() == [[True, False, False, False]]
    # seat_belt is 3, hair 5, shirt 6, the background 1; a probability of one half is not above the threshold.
    assert item.classes.tolist() == [[3, 6, 1, 5]]


def test_measures_of_a_mask_with_three_regions() -> None:
    probability = [[0.9, 0.1, 0.8, 0.8], [0.1, 0.1, 0.1, 0.8], [0.1, 0.1, 0.1, 0.1], [0.7, 0.1, 0.1, 0.1]]
    numbers = measure(prediction(probability))
    assert (numbers.width, numbers.height, numbers.components, numbers.largest) == (4, 4, 3, 3)
    assert numbers.share == 5 / 16
    assert numbers.mean_probability == pytest.approx((0.9 + 3 * 0.8 + 0.7) / 5)
    bits = {0.1: 0.468996, 0.9: 0.468996, 0.8: 0.721928, 0.7: 0.881291}
    assert numbers.entropy == pytest.approx(sum(bits[p] for row in probability for p in row) / 16, abs=1e-5)


def test_measures_of_nothing() -> None:
    numbers = measure(prediction([[0.5, 0.5], [0.5, 0.5]]))
    assert (numbers.share, numbers.components, numbers.largest, numbers.mean_probability) == (0, 0, 0, None)
    assert numbers.entropy == pytest.approx(1)


def test_outcomes_have_their_colours() -> None:
    image = np.full((1, 4, 3), 100, np.uint8)
    predicted, target = np.asarray([[1, 1, 0, 0]], bool), np.asarray([[1, 0, 1, 0]], bool)
    colours = [tuple(pixel) for pixel in outcomes(image, predicted, target)[0].tolist()]
    assert colours == [FOUND, FALSE, MISSED, (44, 44, 44)] or colours == [FOUND, FALSE, MISSED, (45, 45, 45)]
    assert example(image, predicted, target).shape == (1, 12, 3)


def test_an_overlay_tints_predicted_pixels_only() -> None:
    image = np.full((9, 9, 3), 100, np.uint8)
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    picture_ = overlay(image, mask)
    assert tuple(picture_[0, 0]) == (100, 100, 100) and tuple(picture_[2, 2]) == FOUND
    assert tuple(picture_[4, 4]) == tuple(int(0.45 * 100 + 0.55 * part) for part in FOUND)
