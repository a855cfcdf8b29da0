"""One vocabulary of splits for every format."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatbelt.data.datasets.dataset import read
from seatbelt.data.importers import ImportOptions, Places, Rules, import_data
from seatbelt.data.importers.split_names import is_validation, split_of
from seatbelt.errors import UserError
from tests.seatbelt.data.importers.drawing import draw_coco, draw_folder, draw_voc

OPTIONS = ImportOptions(places=Places(classes={"background": 0, "seat_belt": 1, "hair": 2}))


@pytest.mark.parametrize(
    ("words", "split"),
    [
        ("train Train TRAINING trn trainval train2017 train_2014 Train-Set training_images trainval2012", "train"),
        ("val Valid VALIDATION dev val2017 Dev_Set development minival valid_images", "train"),
        ("test Test TESTING tst tests test2017 test-dev2017 test_set Test-Images", "test"),
    ],
)
def test_every_spelling_of_a_split_is_recognised(words: str, split: str) -> None:
    assert {split_of(word) for word in words.split()} == {split}


@pytest.mark.parametrize(
    "word", ["", "default", "contest", "latest", "trainee", "retest", "value", "2017", "east", "evaluation"]
)
def test_other_words_are_no_splits(word: str) -> None:
    assert split_of(word) is None


def test_validation_images_of_other_tools_train() -> None:
    assert [word for word in ("val2017", "Dev", "train", "Testing", "x") if is_validation(word)] == ["val2017", "Dev"]


@pytest.mark.parametrize(
    ("train", "test"), [("Train", "Test"), ("TRAINING", "tst"), ("trn", "Testing"), ("Dev", "TEST")]
)
def test_lists_of_voc_set_the_splits(tmp_path: Path, train: str, test: str) -> None:
    source = draw_voc(tmp_path / "voc")
    lists = source / "ImageSets" / "Segmentation"
    (lists / "train.txt").rename(lists / f"{train}.txt")
    (lists / "test.txt").rename(lists / f"{test}.TXT")
    report = import_data("voc", source, tmp_path / "out", OPTIONS)
    assert [row.split for row in read(tmp_path / "out").rows] == ["train", "train", "test", "test"]
    lines = [line for line in report.notices() if "became training: 2" in line]
    assert len(lines) == (train == "Dev")


def test_an_unknown_list_is_named(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "voc")
    lists = source / "ImageSets" / "Segmentation"
    (lists / "test.txt").rename(lists / "night.txt")
    report = import_data("voc", source, tmp_path / "out", OPTIONS)
    assert [row.split for row in read(tmp_path / "out").rows] == ["train", "train", "", ""]
    (line,) = report.notices()
    assert line.startswith("the list night.txt is none of train, training, ")


def test_cvats_only_subset_says_nothing(tmp_path: Path) -> None:
    source = draw_voc(tmp_path / "voc")
    lists = source / "ImageSets" / "Segmentation"
    (lists / "train.txt").unlink()
    (lists / "test.txt").rename(lists / "default.txt")
    report = import_data("voc", source, tmp_path / "out", ImportOptions(places=OPTIONS.places, accept_losses=True))
    assert report.notices() == ["left out, masks in no list of ImageSets/Segmentation: 2"]


@pytest.mark.parametrize(
    ("word", "split"), [("Train", "train"), ("val2017", "train"), ("TESTING", "test"), ("default", "")]
)
def test_the_name_of_a_coco_file(tmp_path: Path, word: str, split: str) -> None:
    source = draw_coco(tmp_path / "coco")
    (source / "annotations" / "instances.json").rename(source / "annotations" / f"instances_{word}.json")
    import_data("coco", source, tmp_path / "out", OPTIONS)
    assert {row.split for row in read(tmp_path / "out").rows} == {split}


@pytest.mark.parametrize(("word", "split"), [("Training", "train"), ("valid", "train"), ("Tst", "test")])
def test_folders_below_images_and_patterns(tmp_path: Path, word: str, split: str) -> None:
    source = draw_folder(tmp_path / "plain")
    for folder in ("images", "masks"):
        (source / folder / "p0").rename(source / folder / word)
    import_data("folder", source, tmp_path / "out", OPTIONS)
    splits = {row.image.split("/")[1]: row.split for row in read(tmp_path / "out").rows}
    assert splits == {word: split, "p1": ""}
    rules = Rules(split_pattern=r"^(?P<split>[^/]+)/", subject_pattern=r"(?P<subject>\d)\.")
    for folder in ("images", "masks"):
        (source / folder / "p1").rename(source / folder / "DEV")
    import_data("folder", source, tmp_path / "out2", ImportOptions(places=OPTIONS.places, rules=rules))
    splits = {row.image.split("/")[1]: row.split for row in read(tmp_path / "out2").rows}
    assert splits == {word: split, "DEV": "train"}


def test_one_split_for_each_source(tmp_path: Path) -> None:
    draw_folder(tmp_path / "a")
    draw_folder(tmp_path / "b", images=2)
    sources = (tmp_path / "a", tmp_path / "b")
    options = ImportOptions(places=OPTIONS.places, splits=("Training", "test"))
    assert import_data("folder", sources, tmp_path / "out", options).images == 6
    rows = read(tmp_path / "out").rows
    assert [(row.image.split("/")[1], row.split) for row in rows] == [("a", "train")] * 4 + [("b", "test")] * 2
    import_data("folder", tmp_path / "a", tmp_path / "all", ImportOptions(places=OPTIONS.places, splits=("test",)))
    assert {(row.image.count("/"), row.split) for row in read(tmp_path / "all").rows} == {(2, "test")}


@pytest.mark.parametrize(
    ("splits", "rules", "what"),
    [
        (("train", "test", "val"), Rules(), "--split is given 3 times, but there are 2 sources"),
        (("train", "east"), Rules(), "--split must be one of train, .* but got 'east'"),
        (("train",), Rules(test_subjects=("p1",)), "--split gives all images of a source one split"),
    ],
)
def test_contradicting_splits_are_refused(tmp_path: Path, splits: tuple[str, ...], rules: Rules, what: str) -> None:
    sources = (draw_folder(tmp_path / "a"), draw_folder(tmp_path / "b"))
    with pytest.raises(UserError, match=what):
        import_data(
            "folder", sources, tmp_path / "out", ImportOptions(places=OPTIONS.places, splits=splits, rules=rules)
        )
