"""Refusals and warnings before the first trial: targets that a part never shows, leaks, unused real images."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from runners.core.plan import Limits
from runners.new_sweep.describe import describe
from runners.new_sweep.request import Request
from runners.preview.dry_run import plan_text
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from search_spaces.catalogue import find_study
from seatbelt.data.checks.census import take_census
from seatbelt.errors import UserError
from tests.conftest import MakeData


def ask(*data: Path, study: str = "architecture", **changes: Any) -> tuple[SweepDescription, list[str]]:
    notes: list[str] = []
    fields = {"vary": ("encoder=resnet18", "decoder=fpn"), "fix": ("weights=none",), **changes}
    return describe(Request(study=find_study(study), data=data, **fields), notes.append), notes


def plan(description: SweepDescription, tmp_path: Path) -> str:
    return plan_text(SweepFolder(str(tmp_path / "sweep")), description, Limits(), slots=1)


def rows_of(root: Path) -> list[dict[str, str]]:
    with (root / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def rewrite(root: Path, change: Callable[[dict[str, str]], object]) -> None:
    """Change the lines of a manifest in place."""
    rows = rows_of(root)
    for row in rows:
        change(row)
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def paint(root: Path, row: dict[str, str], value: int) -> None:
    """Give an image a mask of one value."""
    with Image.open(root / row["mask"]) as file:
        size = file.size
    Image.new("L", size, value).save(root / row["mask"])


@pytest.fixture
def photos(make_data: MakeData) -> Path:
    """Real images of seven persons: two are the test split, two the selection set, three train."""
    return make_data("photos", subjects=7, images=4, test_subjects=2)


@pytest.mark.parametrize("value", [0, 2, 255], ids=["background", "another class", "ignored"])
@pytest.mark.parametrize("part", ["training", "selection", "test"])
def test_a_part_that_never_shows_the_target_is_refused(photos: Path, part: str, value: int) -> None:
    description, _ = ask(photos)
    selected = {row for _, row in description.selection}
    for number, row in enumerate(rows_of(photos)):
        its = "test" if row["split"] == "test" else "selection" if number in selected else "training"
        if its == part:
            paint(photos, row, value)
    with pytest.raises(
        UserError, match=rf"none of the \d+ {part} images shows the target seat_belt \(pixels to ignore"
    ):
        ask(photos)


@pytest.mark.slow
def test_too_few_images_are_reported_and_no_test_images_are_no_fault(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(subjects=10, images=2, test_subjects=0)
    description, notes = ask(data)
    assert notes[-1] == "warning: seat_belt appears in only 3 of 6 selection images: single images determine the score"
    text = plan(description, tmp_path)
    assert "target     seat_belt is in 12 of 14 training, 3 of 6 selection, 0 of 0 test images" in text
    assert "warning    seat_belt appears in only 3 of 6 selection images" in text


@pytest.mark.parametrize(
    ("changes", "arm"),
    [
        ({"vary": ("encoder=resnet18", "decoder=fpn", "generations=3,4")}, "generations=4"),
        ({"vary": ("encoder=resnet18", "decoder=fpn", "generations=3,4", "context=none,hair")}, "generations=4"),
        ({"vary": ("encoder=resnet18", "decoder=fpn", "generations=3,3:0.5+4:0.5,4")}, "generations=4"),
    ],
)
def test_the_arm_that_never_shows_the_target_is_named(make_data: MakeData, changes: dict[str, Any], arm: str) -> None:
    data = make_data(subjects=5, images=4, test_subjects=1, generations={"3": 12, "4": 12})
    assert ask(data, **changes)
    for row in rows_of(data):
        if row["generation"] == "4":
            paint(data, row, 2)
    with pytest.raises(UserError, match=rf"the arm {arm}.* trains on 4, but none of the \d+ training images shows the"):
        ask(data, **changes)


def test_an_arm_of_real_images_that_never_show_the_target(make_data: MakeData) -> None:
    data = make_data(subjects=5, images=4, test_subjects=1, generations=dict.fromkeys("23456", 4))
    changes = {"vary": ("architecture=fpn/resnet18", "regime=real,synthetic,synthetic_then_real")}
    description, _ = ask(data, study="pretraining", **changes)
    selected = {row for _, row in description.selection}
    for number, row in enumerate(rows_of(data)):
        if row["domain"] == "real" and row["split"] == "train" and number not in selected:
            paint(data, row, 0)
    with pytest.raises(UserError, match=r"the arm regime=real trains on real, but none of the \d+ training images"):
        ask(data, study="pretraining", **changes)


def test_shares_of_tags_that_never_show_the_target(make_data: MakeData) -> None:
    data = make_data(subjects=5, images=4, test_subjects=1, generations={"3": 24})
    rows = rows_of(data)
    with (data / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*rows[0], "seat"])
        synthetic = [row for row in rows if row["domain"] == "synthetic"]
        for row in rows:
            tag = "" if row not in synthetic else "empty" if synthetic.index(row) % 2 else "taken"
            if tag == "empty":
                paint(data, row, 0)
            writer.writerow([*row.values(), tag])
    changes = {
        "fix": ("weights=none", "generations=3"),
        "vary": ("encoder=resnet18", "decoder=fpn", "share.seat.empty=0,0.5,1"),
    }
    with pytest.raises(UserError, match=r"the arm share\.seat\.empty=1.* none of the \d+ training images shows"):
        ask(data, **changes)


def test_subjects_in_different_splits_of_several_data_sets(make_data: MakeData) -> None:
    first = make_data("first", subjects=7, images=4, test_subjects=2)
    second = make_data("second", subjects=7, images=4, test_subjects=1, first=1000)
    with pytest.raises(
        UserError, match=r"subject p1 is in two splits: test in .*first, train in .*second; .*--subjects-per"
    ):
        ask(first, second)
    apart, _ = ask(first, second, subjects_per_data_set=True)
    assert apart.subjects_per_data_set


def test_one_person_of_several_data_sets_is_in_one_part(make_data: MakeData) -> None:
    first = make_data("first", subjects=7, images=4, test_subjects=2)
    second = make_data("second", subjects=7, images=4, test_subjects=2, first=1000)
    together, _ = ask(first, second)
    assert not together.subjects_per_data_set
    rows = [rows_of(first), rows_of(second)]
    persons: list[set[str]] = [set(), set()]
    for dataset, row in together.selection:
        persons[dataset].add(rows[dataset][row]["subject"])
    assert persons[0] == persons[1] != set()
    assert json.loads(together.model_dump_json())["subjects_per_data_set"] is False
    again, _ = ask(first, second, subjects_per_data_set=True)
    assert together.differences(again)


def test_different_people_need_no_option(make_data: MakeData) -> None:
    first = make_data("first", subjects=7, images=4, test_subjects=2)
    second = make_data("second", subjects=7, images=4, test_subjects=1, first=1000)
    rewrite(second, lambda row: row.update(subject=f"q{row['subject']}"))
    description, _ = ask(first, second)
    assert description.subjects_per_data_set
    assert description.differences(ask(first, second, subjects_per_data_set=True)[0]) == []


def copy_picture(source: Path, target: Path, form: str) -> None:
    with Image.open(source) as file:
        file.convert("RGB").save(target, format=form)


@pytest.mark.parametrize("parts", [("training", "selection"), ("training", "test"), ("selection", "test")])
@pytest.mark.parametrize("form", ["PNG", "BMP"])
def test_one_picture_in_two_parts_is_refused(photos: Path, parts: tuple[str, str], form: str) -> None:
    description, _ = ask(photos)
    selected = {row for _, row in description.selection}
    first: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows_of(photos)):
        first.setdefault("test" if row["split"] == "test" else "selection" if number in selected else "training", row)
    one, other = (first[part] for part in parts)
    copy_picture(photos / one["image"], photos / other["image"], form)
    with pytest.raises(UserError) as caught:
        ask(photos)
    text = str(caught.value)
    assert "are the same picture, so that arms would be scored on images" in text
    for part, row in zip(parts, (one, other), strict=True):
        assert f"photos: {row['image']} ({part})" in text
    crossing = "test" in parts
    _, faults = take_census(photos)
    assert [fault.what.startswith("is the same picture as") for fault in faults] == ([True] if crossing else [])


def test_one_picture_in_two_data_sets_is_refused(make_data: MakeData) -> None:
    first = make_data("first", subjects=7, images=4, test_subjects=2)
    second = make_data("second", subjects=7, images=4, test_subjects=0)
    rewrite(second, lambda row: row.update(subject=f"q{row['subject']}"))
    with pytest.raises(
        UserError, match=r"first: images/p\d-\d\.png \(test\) and second: .* are the same picture \(and \d+ more\)"
    ):
        ask(first, second)


def test_pictures_that_repeat_within_a_part_are_fine(photos: Path) -> None:
    tests = [row for row in rows_of(photos) if row["split"] == "test"]
    copy_picture(photos / tests[0]["image"], photos / tests[-1]["image"], "PNG")
    assert ask(photos)


def test_pictures_of_one_colour_are_no_leak(photos: Path) -> None:
    for row in rows_of(photos):
        if row["image"].endswith("-3.png"):
            Image.new("RGB", (64, 32)).save(photos / row["image"])
    assert ask(photos)
    _, faults = take_census(photos)
    assert faults == []


@pytest.mark.slow
def test_images_without_subjects_are_reported_everywhere(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(subjects=7, images=4, test_subjects=2)
    rewrite(data, lambda row: row.update(subject=""))
    description, notes = ask(data)
    text = "28 of 28 images have no subject: each counts as a separate person"
    assert any(note.startswith(f"warning: {text}") for note in notes)
    assert f"warning    {text}" in plan(description, tmp_path)
    census, faults = take_census(data)
    assert faults == []
    assert census.warnings[0].startswith(text)
    assert census.subject_line == "subjects of real images: 0 train, 0 test"


@pytest.mark.slow
def test_real_images_that_lie_idle_are_reported(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(subjects=7, images=4, test_subjects=2, generations={"3": 10, "4": 10, "5": 10})
    description, notes = ask(data)
    text = "12 real training images are not used by any arm (data.real = False, from the study); --fix real=true trains"
    assert any(text in note for note in notes)
    assert "12 real training images are not used by any arm" in plan(description, tmp_path)
    for fix in ("real=true", "real=false"):
        _, notes = ask(data, fix=("weights=none", fix))
        assert any("from --fix" in note for note in notes) == (fix == "real=false")
        assert any("not used" in note for note in notes) == (fix == "real=false")
    _, notes = ask(data, vary=("encoder=resnet18", "decoder=fpn", "real=false,true"))
    assert not any("not used" in note for note in notes)


def test_the_plan_explains_parts_and_counts_all_arms(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(subjects=7, images=4, test_subjects=2, generations={"3": 30})
    vary = ("encoder=resnet18", "decoder=fpn", "synthetic_share=0,0.5")
    description, _ = ask(data, vary=vary, fix=("weights=none", "generations=3", "real=true"))
    text = plan(description, tmp_path)
    assert "images     train 12 to 28, validation 8 to 12, selection 8 (real), test 8; 32x64, target seat_belt" in text
    assert "selection: real images of held-out people; ranks arms" in text
    assert "test: images of other people; measured once when a trial is complete, never ranks" in text
    assert "validation: the selection images and held-out synthetic ones; only lowers the learning rate" in text
    assert "target     seat_belt is in 9 to 21 of 12 to 28 training, 6 of 8 selection, 6 of 8 test images" in text


def test_a_census_counts_domains_and_splits(make_data: MakeData) -> None:
    data = make_data(subjects=4, images=4, test_subjects=1, generations={"3": 8})
    census, faults = take_census(data)
    assert faults == []
    assert census.target_line == (
        "seat_belt appears in 9 of 12 real train images, 3 of 4 real test images, 6 of 8 synthetic train images"
    )
    assert census.subject_line == "subjects of real images: 3 train, 1 test"
    for row in rows_of(data):
        if row["split"] == "test":
            paint(data, row, 255)
    _, faults = take_census(data)
    assert [str(fault) for fault in faults] == ["seat_belt: none of the 4 real test images shows the target"]


def test_a_thin_target_that_the_training_resolution_loses_is_counted_so(make_data: MakeData) -> None:
    data = make_data(subjects=7, images=4, test_subjects=2, height=64, width=64)
    for row in rows_of(data):
        mask = np.zeros((64, 64), np.uint8)
        mask[2] = 1
        Image.fromarray(mask).save(data / row["mask"])
    assert ask(data)
    with pytest.raises(UserError, match="none of the"):
        ask(data, size=(32, 32))


def test_a_selection_set_that_takes_much_is_reported(make_data: MakeData) -> None:
    data = make_data(subjects=4, images=6, test_subjects=1)
    keep = [row for row in rows_of(data) if row["subject"] != "p1" or row["image"].endswith("-0.png")]
    keep = [row for row in keep if row["subject"] != "p3" or not row["image"].endswith(("-4.png", "-5.png"))]
    with (data / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(keep[0]))
        writer.writeheader()
        writer.writerows(keep)
    for seed in range(20):
        description, notes = ask(data, seed=seed)
        lines = [note for note in notes if "since people are held out as a whole" in note]
        assert len(lines) == (len(description.selection) > 0.4 * 11)
        if lines:
            assert lines == [
                "warning: the selection set has 6 of the 11 real images for training (55%), since people are held out "
                "as a whole; images of more people would leave more to train on"
            ]
            return
    pytest.fail("no seed selects the largest person")
