"""The contact sheet: what is drawn where."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import read
from seatbelt.data.sheets.contact import contact_sheet
from seatbelt.errors import UserError
from tests.conftest import MakeData


@pytest.fixture
def root(make_data: MakeData) -> Path:
    return make_data(subjects=4, images=2, test_subjects=1, generations={"3": 3})


@pytest.mark.parametrize(("images", "columns", "lines"), [(1, 1, 1), (6, 6, 1), (7, 6, 2), (400, 6, 2)])
def test_images_are_laid_out_in_six_columns(root: Path, images: int, columns: int, lines: int) -> None:
    sheet = contact_sheet(read(root), images=images)
    # Images of 32x64 become 120x240, with a caption of 14; there are 11 images.
    assert sheet.width == columns * 240
    assert sheet.height >= lines * 134 + 14


def test_the_target_is_yellow_and_other_classes_are_not(root: Path) -> None:
    for index in range(11):
        mask = np.zeros((32, 64), np.uint8)
        mask[:, :20], mask[:, 44:] = 1, 2
        name = read(root).rows[index].mask
        Image.fromarray(mask).save(root / name)
        Image.new("RGB", (64, 32), (100, 100, 100)).save(root / name.replace("masks", "images"))
    sheet = np.asarray(contact_sheet(read(root), images=1))
    belt, plain, hair = sheet[60, 20], sheet[60, 120], sheet[60, 220]
    # Three quarters of (255, 225, 0) over (100, 100, 100).
    assert belt.tolist() == [216, 193, 25]
    assert plain.tolist() == [100, 100, 100]
    assert hair.tolist() not in ([100, 100, 100], belt.tolist())


def test_the_choice_is_drawn_by_the_seed(root: Path) -> None:
    sheets = [contact_sheet(read(root), images=3, seed=seed).tobytes() for seed in (0, 0, 1)]
    assert sheets[0] == sheets[1] != sheets[2]


def test_a_generation_and_a_domain_can_be_chosen(root: Path) -> None:
    data = read(root)
    assert contact_sheet(data, images=9, generation="3").width == 3 * 240
    assert contact_sheet(data, images=9, domain="synthetic").width == 3 * 240
    what = "no image fits; it has: real, synthetic 3"
    for choice in ({"generation": "4"}, {"domain": "real", "generation": "3"}):
        with pytest.raises(UserError, match=what):
            contact_sheet(data, images=9, **choice)


def test_captions_may_hold_any_script_and_images_any_size(root: Path) -> None:
    text = (root / "manifest.csv").read_text().replace(",p1,", ",Zoë 李 والد,")
    (root / "manifest.csv").write_text(text, encoding="utf-8")
    for folder, mode in (("images", "RGB"), ("masks", "L")):
        Image.new(mode, (10, 90)).save(root / folder / "p1-0.png")
    assert contact_sheet(read(root), images=11).size[0] == 1440


def test_the_legend_of_many_classes_stays_on_the_sheet(root: Path) -> None:
    path = root / "dataset.json"
    description = json.loads(path.read_text())
    names = ["seat_belt", "hair", *(f"label_number_{i}" for i in range(11))]
    description["classes"] = {"background": 0} | {name: i + 1 for i, name in enumerate(names)}
    path.write_text(json.dumps(description))
    sheet = np.asarray(contact_sheet(read(root), images=1))
    legend = sheet[134:]
    # Squares of 13 colours; black is the text.
    colours = {tuple(pixel) for row in legend for pixel in row.tolist()}
    squares = [c for c in colours if max(c) - min(c) > 100 and (legend == c).all(-1).sum() >= 100]
    assert len(squares) == 13
