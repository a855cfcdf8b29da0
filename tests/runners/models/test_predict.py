"""`seatbelt predict` with a model that was exported from a tiny sweep."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import seatbelt
from seatbelt.data.datasets.dataset import read
from tests.command_line import answer, mistake
from tests.command_line import seatbelt as run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("models")]


@pytest.fixture(scope="session")
def model(trained_sweep: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "best"
    answer("model", str(trained_sweep), "--out", str(out), "--no-pictures")
    return out


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Images of several sizes and formats in a folder with a subfolder."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number, (name, size) in enumerate(
        {"a.jpg": (50, 80), "b.png": (40, 64), "more/a.webp": (90, 60), "c.tif": (33, 47), "d.bmp": (20, 30)}.items()
    ):
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_image_gets_a_mask_of_its_size_with_the_class_numbers(model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = answer("predict", str(model), str(photos), "--out", str(out), "--overlay")
    assert f"5 images predicted: {out}/predictions.csv" in text
    loaded = seatbelt.load_model(model)
    names = {"a.jpg": "a", "b.png": "b", "more/a.webp": "more/a", "c.tif": "c", "d.bmp": "d"}
    table = {Path(row["image"]).relative_to(photos).as_posix(): row for row in rows(out)}
    assert sorted(table) == sorted(names)
    for image, name in names.items():
        prediction = loaded.predict(photos / image)
        with Image.open(out / "masks" / f"{name}.png") as mask:
            assert mask.mode == "L" and (np.asarray(mask) == prediction.classes).all()
        with Image.open(out / "overlays" / f"{name}.jpg") as picture:
            assert picture.size == prediction.mask.shape[::-1]
        row = table[image]
        assert (int(row["height"]), int(row["width"])) == prediction.mask.shape
        assert float(row["share"]) == pytest.approx(prediction.mask.mean(), abs=1e-6)
        assert row["mask"] == f"masks/{name}.png" and row["iou"] == ""


def test_a_native_data_set_is_scored_as_the_sweep_recorded_it(trained_sweep: Path, model: Path, tmp_path: Path) -> None:
    data, out = trained_sweep.parent / "stripes", tmp_path / "out"
    text = answer("predict", str(trained_sweep), str(data), "--out", str(out), "--split", "test")
    key = seatbelt.load_model(model).record.training.trials[0]
    # The training size is not the size of the images, so that scores are near and not equal.
    images = pd.read_parquet(trained_sweep / "images")
    recorded = images[images["trial_key"] == key].set_index("image")["iou"]
    scores = {Path(row["image"]).relative_to(data).as_posix(): float(row["iou"]) for row in rows(out)}
    assert sorted(scores) == sorted(recorded.index) and len(scores) == 6
    assert max(abs(scores[image] - recorded[image]) for image in scores) < 0.2
    mean = np.mean(list(scores.values()))
    assert f"mean IoU {mean:.3f} [" in text and "interval over 2 subjects, at the size of the images" in text
    assert "warning: data set stripes trained this model: only its test images say how good it is" in text


def test_masks_beside_the_images_are_scored(model: Path, trained_sweep: Path, tmp_path: Path) -> None:
    data = read(trained_sweep.parent / "stripes")
    images, masks = tmp_path / "images", tmp_path / "annotations"
    images.mkdir()
    masks.mkdir()
    for row in data.rows[:3]:
        shutil.copy(data.image_path(row), images)
        shutil.copy(data.mask_path(row), masks)
    text = answer("predict", str(model), str(images), "--masks", str(masks), "--out", str(tmp_path / "out"))
    assert "95 % interval over 3 images" in text and text.count("IoU 0.") + text.count("IoU 1.") == 4
    (masks / Path(data.rows[0].mask).name).unlink()
    missing = mistake("predict", str(model), str(images), "--masks", str(masks), "--out", str(tmp_path / "o2"))
    assert "has no p0-0.png, the mask of" in missing


def test_masks_of_0_and_255_are_refused_by_name(model: Path, photos: Path, tmp_path: Path) -> None:
    masks = tmp_path / "m"
    masks.mkdir()
    binary = np.zeros((40, 64), np.uint8)
    binary[:9] = 255
    Image.fromarray(binary).save(masks / "b.png")
    result = run("predict", str(model), str(photos / "b.png"), "--masks", str(masks), "--out", str(tmp_path / "o"))
    assert (
        result.code == 1
        and "it holds 0 and 255 only, and 255 means `not annotated`; seat_belt has the number 1" in (result.out)
    )


def test_a_damaged_image_is_named_and_the_others_are_done(model: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "x.jpg").write_bytes((photos / "a.jpg").read_bytes()[:400])
    Image.fromarray(np.full((9, 9), 9, np.uint16)).save(photos / "y.png")
    result = run("predict", str(model), str(photos), "--out", str(tmp_path / "o"))
    assert result.code == 1
    assert f"warning: left out: {photos / 'x.jpg'}: the image cannot be decoded" in result.out
    assert f"warning: left out: {photos / 'y.png'}: it has 16 bits per channel but no value above 9" in result.out
    assert "5 images predicted" in result.out and "2 images left out, see above" in result.out
    again = run("predict", str(model), str(photos), "--out", str(tmp_path / "o"), "--bits", "16")
    assert again.code == 1 and "6 images predicted, 5 of them by an earlier run" in again.out


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_images_of_other_channels_are_read_as_a_viewer_shows_them(channels: int, model: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, channels), dtype=np.uint8)
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels, {1: "L", 2: "LA", 4: "RGBA"}[channels])
    image.save(tmp_path / "x.png")
    text = answer("predict", str(model), str(tmp_path / "x.png"), "--out", str(tmp_path / "o"))
    assert ("1 image: partly transparent" in text) == (channels in (2, 4))
    assert len(rows(tmp_path / "o")) == 1


def test_a_turned_image_has_an_upright_mask(model: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 50, 3), np.uint8)).save(tmp_path / "x.jpg", exif=exif)
    text = answer("predict", str(model), str(tmp_path / "x.jpg"), "--out", str(tmp_path / "o"))
    assert "note: 1 image: turned upright, as the EXIF orientation says" in text
    with Image.open(tmp_path / "o" / "masks" / "x.png") as mask:
        assert mask.size == (20, 50)


def test_a_second_run_continues_where_a_killed_one_ended(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "o"
    arguments = ("predict", str(model), str(photos), "--out", str(out), "--batch", "2")
    answer(*arguments)
    first = (out / "predictions.csv").read_text()
    lines = first.splitlines(keepends=True)
    # Killed: the last line is torn, and the mask of another one is gone.
    (out / "predictions.csv").write_text("".join(lines[:4]) + lines[4][:9])
    (out / lines[1].split(",")[1]).unlink()
    predicted: list[int] = []
    original = seatbelt.Model.forward

    def forward(model: seatbelt.Model, images: list[Any]) -> list[Any]:
        predicted.append(len(images))
        return original(model, images)

    monkeypatch.setattr(seatbelt.Model, "forward", forward)
    text = answer(*arguments)
    assert "5 images predicted, 2 of them by an earlier run" in text and sum(predicted) == 3
    assert sorted((out / "predictions.csv").read_text().splitlines()) == sorted(first.splitlines())


def test_predictions_of_one_model_are_not_mixed_with_those_of_another(
    model: Path, trained_sweep: Path, photos: Path, tmp_path: Path
) -> None:
    out = ("--out", str(tmp_path / "o"))
    answer("predict", str(model), str(photos / "a.jpg"), *out)
    # The best trial of the sweep is the same model.
    assert "1 of them by an earlier run" in answer("predict", str(trained_sweep), str(photos / "a.jpg"), *out)
    other = ("predict", str(trained_sweep), str(photos / "a.jpg"), *out, "--trial", "decoder=fpn")
    key = seatbelt.load_model(model).record.architecture.decoder
    if key == "fpn":
        other = (*other[:-1], "decoder=linknet")
    assert "holds predictions of another model; name another folder, or --force" in mistake(*other)
    assert "1 image predicted:" in answer(*other, "--force")
    with_overlays = mistake(*other, "--overlay")
    assert "holds predictions of other options" in with_overlays


def test_images_of_equal_names_get_different_masks(model: Path, photos: Path, tmp_path: Path) -> None:
    shutil.copy(photos / "b.png", photos / "a.png")
    out = tmp_path / "o"
    answer("predict", str(model), str(photos), "--out", str(out))
    assert {row["mask"] for row in rows(out)} >= {"masks/a.jpg.png", "masks/a.png.png", "masks/more/a.png"}
    (photos / "else").mkdir()
    shutil.copy(photos / "a.jpg", photos / "else")
    again = tmp_path / "again"
    answer("predict", str(model), str(photos / "a.jpg"), str(photos / "else" / "a.jpg"), "--out", str(again))
    assert {row["mask"] for row in rows(again)} == {"masks/photos/a.jpg.png", "masks/else/a.jpg.png"}


def test_patterns_folders_and_the_output_itself(model: Path, photos: Path, tmp_path: Path) -> None:
    out = photos / "out"
    answer("predict", str(model), f"{photos}/*.jpg", str(photos / "a.jpg"), "--out", str(out))
    assert len(rows(out)) == 1, "an image that is named twice is predicted once"
    answer("predict", str(model), str(photos), "--out", str(out))
    assert len(rows(out)) == 5, "the masks below the folder are no input"
    (tmp_path / "empty").mkdir()
    place = ("--out", str(tmp_path / "o"))
    assert "empty holds no image (.bmp, .jpeg, .jpg," in mistake("predict", str(model), str(tmp_path / "empty"), *place)
    assert "nothing*: no file matches this pattern" in mistake("predict", str(model), f"{tmp_path}/nothing*", *place)
    assert "none.jpg: there is no such file or folder" in mistake("predict", str(model), "none.jpg", *place)
    assert "--split test is for native data sets" in mistake(
        "predict", str(model), str(photos), *place, "--split", "test"
    )
    assert not (tmp_path / "o").exists()


def test_what_is_no_model_and_a_folder_of_others(model: Path, photos: Path, tmp_path: Path) -> None:
    place = ("--out", str(tmp_path / "o"))
    assert "there is no folder" in mistake("predict", str(tmp_path / "none"), str(photos), *place)
    assert "is no model and no sweep" in mistake("predict", str(photos), str(photos), *place)
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "mine.txt").write_text("mine")
    assert "holds other files (mine.txt)" in mistake("predict", str(model), str(photos), *place)
    broken = shutil.copytree(model, tmp_path / "broken")
    description = json.loads((broken / "model.json").read_text())
    (broken / "model.json").write_text(json.dumps(description | {"width": 65}))
    assert "was changed since it was written" in mistake("predict", str(broken), str(photos), *place)


def test_a_name_that_a_spreadsheet_would_run_stays_a_name(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    shutil.copy("a.jpg", "=1+1.jpg")
    answer("predict", str(model), "=1+1.jpg", "--out", str(tmp_path / "o"))
    assert [row["image"] for row in rows(tmp_path / "o")] == ["./=1+1.jpg"]


def test_a_data_set_without_the_target_is_refused_before_anything_is_written(
    model: Path, trained_sweep: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(trained_sweep.parent / "stripes", tmp_path / "other"))
    description = json.loads((data / "dataset.json").read_text())
    description |= {"classes": {"background": 0, "bag": 1, "hair": 2}, "target": "bag"}
    (data / "dataset.json").write_text(json.dumps(description))
    refused = mistake("predict", str(model), str(data), "--out", str(tmp_path / "o"))
    assert "has no class seat_belt, which the model predicts (it has: background, bag, hair)" in refused
    assert not (tmp_path / "o").exists()
