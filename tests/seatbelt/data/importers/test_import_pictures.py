"""Imported images look as people see them, whatever orientation and colours their files store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.datasets.dataset import decode, read
from seatbelt.data.importers import ImportOptions, Places, Rules, import_data, parse_classes
from seatbelt.errors import UserError
from tests.seatbelt.data.datasets.test_pictures import exif, swapped_profile
from tests.seatbelt.data.importers.drawing import draw_folder, rewrite
from tests.seatbelt.data.importers.test_lost_annotations import two_images

PLACES = Places(classes=parse_classes("seat_belt,hair"))
BELT = (slice(4, 20), slice(4, 20))


def turned_file(root: Path, orientation: int, suffix: str = "png") -> Path:
    """A COCO file whose second image is red where its belt is, once it is turned upright; all are 32x32."""
    source = two_images(root)
    upright = np.zeros((32, 32, 3), np.uint8)
    upright[BELT] = (230, 20, 20)
    upright[:, :2] = (20, 230, 20)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: np.rot90(upright.swapaxes(0, 1), 2),
        8: np.rot90(upright, -1),
    }[orientation]
    (root / "images" / "b.png").unlink()
    picture = Image.fromarray(np.ascontiguousarray(stored))
    picture.save(root / "images" / f"b.{suffix}", exif=exif(orientation), quality=98)
    rewrite(source, lambda raw: raw["images"][1].update(file_name=f"b.{suffix}", width=32, height=32))
    return source


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_the_mask_lies_on_the_object(tmp_path: Path, orientation: int, suffix: str) -> None:
    report = import_data("coco", turned_file(tmp_path / "in", orientation, suffix), tmp_path / "out")
    dataset = read(tmp_path / "out")
    image, mask = decode(dataset, dataset.rows[1])
    assert (image[mask == 1][:, 0] > 128).mean() > 0.9
    lines = [line for line in report.notices() if "EXIF" in line]
    assert lines == ([] if orientation == 1 else ["1 image: turned upright, as the EXIF orientation says"])
    # What is written is upright for every reader, whether it knows EXIF or not.
    with Image.open(dataset.image_path(dataset.rows[1])) as file:
        assert file.getexif().get(0x0112, 1) == 1
        assert np.array_equal(np.asarray(file.convert("RGB")), image)


def test_sizes_of_the_stored_pixels_are_refused(tmp_path: Path) -> None:
    source = two_images(tmp_path / "in")
    path = tmp_path / "in" / "images" / "b.png"
    Image.new("RGB", (32, 48), (9, 8, 7)).save(path, exif=exif(6))
    assert import_data("coco", source, tmp_path / "out").images == 2
    rewrite(source, lambda raw: raw["images"][1].update(width=32, height=48))
    with pytest.raises(UserError, match="48x32 pixels, but the JSON says 32x48; if EXIF turns it, save it upright"):
        import_data("coco", source, tmp_path / "again")


def test_masks_in_the_stored_orientation_are_refused(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "in")
    path = source / "images" / "p0" / "2.png"
    with Image.open(path) as file:
        picture = file.copy()
    picture.save(path, exif=exif(8))
    with pytest.raises(UserError, match="the mask is 10x6, but its image 6x10 after its EXIF orientation"):
        import_data("folder", source, tmp_path / "out", ImportOptions(places=PLACES))


def test_depth_profiles_and_transparency_are_reported(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "in")
    folder = source / "images" / "p0"
    Image.fromarray(np.full((6, 10), 4000, np.uint16)).save(folder / "0.png")
    with pytest.raises(
        UserError, match="no value above 4000, so that its real depth is unknown; import it with --bits"
    ):
        import_data("folder", source, tmp_path / "out", ImportOptions(places=PLACES))
    Image.new("RGBA", (10, 6), (200, 40, 90, 30)).save(folder / "2.png", icc_profile=swapped_profile())
    places = Places(classes=PLACES.classes, bits=12)
    report = import_data("folder", source, tmp_path / "out", ImportOptions(places=places))
    assert report.notices() == [
        "1 image: converted from its colour profile to sRGB",
        "1 image: partly transparent: the transparency is ignored",
        "1 image: scaled from 12 bits per channel to 8",
    ]
    dataset = read(tmp_path / "out")
    image, _ = decode(dataset, dataset.rows[0])
    assert (image == 249).all()


def test_one_picture_in_two_splits_is_reported(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "in")
    with Image.open(source / "images" / "p0" / "2.png") as file:
        file.convert("RGB").save(source / "images" / "p1" / "3.bmp")
    (source / "images" / "p1" / "3.jpg").unlink()
    rules = Rules(subject_pattern=r"^(?P<subject>p\d)/", test_subjects=("p1",))
    report = import_data("folder", source, tmp_path / "out", ImportOptions(places=PLACES, rules=rules))
    assert report.cautions()[0] == (
        "images/p0/2.png (train): is the same picture as images/p1/3.bmp (test); a sweep on these images would be "
        "refused"
    )


def test_images_without_subjects_are_reported(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "in")
    report = import_data("folder", source, tmp_path / "out", ImportOptions(places=PLACES))
    assert report.cautions()[-1].startswith("4 of 4 images have no subject: each counts as a separate person")
    rules = Rules(subject_pattern=r"^(?P<subject>p\d)/")
    report = import_data("folder", source, tmp_path / "named", ImportOptions(places=PLACES, rules=rules))
    assert not any("subject" in line for line in report.cautions())
