"""The sheet of augmentations: what is drawn where."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import DataSet, read
from seatbelt.data.sheets.augmentations import augment_sheet
from seatbelt.errors import UserError
from tests.conftest import MakeData


@pytest.fixture
def data(make_data: MakeData) -> DataSet:
    """A grey data set whose belt is a square in the middle."""
    root = make_data(subjects=4, images=2, test_subjects=1, generations={"3": 3})
    mask = np.zeros((32, 64), np.uint8)
    mask[8:24, 24:40] = 1
    for row in read(root).rows:
        Image.fromarray(mask).save(root / row.mask)
        Image.new("RGB", (64, 32), (100, 100, 100)).save(root / row.image)
    return read(root)


def cell(sheet: Image.Image, position: int) -> np.ndarray:
    """Return the picture at a position; cells are 320x160, with a caption of 24 and gaps of 6."""
    x, y = 6 + position % 4 * 326, 6 + position // 4 * 184
    return np.asarray(sheet)[y : y + 160, x : x + 320]


@pytest.mark.slow
def test_twenty_six_pictures_for_each_image(data: DataSet) -> None:
    assert augment_sheet(data).size == (4 * 326 + 6, 7 * 184 + 12)
    assert augment_sheet(data, images=3).size == (4 * 326 + 6, 3 * (7 * 184 + 12))


def test_the_original_comes_first_with_the_target_outlined(data: DataSet) -> None:
    original = cell(augment_sheet(data), 0)
    assert original[5, 5].tolist() == original[80, 160].tolist() == [100, 100, 100]
    # The square from 24 to 40 of 64 begins at 120 of 320.
    edge = original[80, 115:125]
    assert (edge[:, 0] > 180).any() and (edge[:, 2] < 90).any()


def test_each_transform_is_drawn_alone_in_the_order_of_the_table(data: DataSet) -> None:
    sheet = augment_sheet(data)
    cutout, solarize, brightness, fog = (cell(sheet, position) for position in (3, 5, 6, 8))
    assert (cutout == 0).all(axis=2).mean() > 0.02
    # Grey of 100 is below half of the range, so that solarizing shows nothing of it.
    assert solarize[5, 5].tolist() == [100, 100, 100]
    assert brightness[5, 5].tolist() != [100, 100, 100]
    assert fog.mean() > cell(sheet, 0).mean() + 3


@pytest.mark.slow
def test_the_seed_chooses_images_and_draws(data: DataSet) -> None:
    sheets = [augment_sheet(data, seed=seed).tobytes() for seed in (0, 0, 1)]
    assert sheets[0] == sheets[1] != sheets[2]


def test_invalid_input_is_refused(data: DataSet) -> None:
    with pytest.raises(UserError, match="a sheet of augmentations holds at most 20 images, but got --images 21"):
        augment_sheet(data, images=21)
    with pytest.raises(UserError, match="no image fits; it has: real, synthetic 3"):
        augment_sheet(data, generation="9")


def test_images_of_any_shape_are_segmented(data: DataSet) -> None:
    for row in data.rows:
        Image.new("RGB", (200, 3)).save(data.image_path(row))
        Image.new("L", (200, 3)).save(data.mask_path(row))
    assert augment_sheet(data).width == 4 * 326 + 6
