"""Images as people see them: upright, in sRGB, 8 bits per channel; the same wherever one is opened."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from seatbelt.data.datasets.dataset import check, decode, read
from seatbelt.data.datasets.images import (
    TURNED,
    UnusableImageError,
    open_mask,
    open_stored_colours,
    read_picture,
)
from tests.conftest import MakeData

STORED = np.random.default_rng(0).integers(0, 255, (3, 5, 3), np.uint8)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "jpg"])
def test_images_are_turned_as_viewers_turn_them(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = tmp_path / f"x.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {"quality": 100} if suffix == "jpg" else {}
    Image.fromarray(STORED).save(path, exif=exif(orientation), **options)
    with Image.open(path) as file:
        seen = np.asarray(ImageOps.exif_transpose(file).convert("RGB"))
    picture = read_picture(path)
    assert np.array_equal(picture.pixels, seen)
    assert picture.stored_size == (3, 5)
    assert (TURNED in picture.changes) == (orientation != 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["grey", "grey of 16 bits", "palette"])
def test_a_tiff_of_one_channel_is_read_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    grey = STORED[..., 0]
    image = Image.fromarray(grey.astype(np.uint16) * 257 if kind == "grey of 16 bits" else grey)
    image = image.convert("P") if kind == "palette" else image
    image.save(tmp_path / "x.tif", exif=exif(orientation))
    Image.fromarray(grey).save(tmp_path / "x.png", exif=exif(orientation))
    assert np.array_equal(read_picture(tmp_path / "x.tif").pixels, read_picture(tmp_path / "x.png").pixels)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_nonsense_in_the_exif_tag_turns_nothing(tmp_path: Path, orientation: int) -> None:
    Image.fromarray(STORED).save(tmp_path / "x.png", exif=exif(orientation))
    assert np.array_equal(read_picture(tmp_path / "x.png").pixels, STORED)


def test_broken_exif_data_turn_nothing(tmp_path: Path) -> None:
    Image.fromarray(STORED).save(tmp_path / "x.png", exif=b"Exif\0\0nonsense")
    assert np.array_equal(read_picture(tmp_path / "x.png").pixels, STORED)


def test_a_mask_that_would_be_turned_is_refused(tmp_path: Path) -> None:
    Image.new("L", (16, 8)).save(tmp_path / "x.png", exif=exif(6))
    for opened in (open_mask, open_stored_colours):
        with pytest.raises(UnusableImageError, match="the mask has an EXIF orientation"):
            opened(tmp_path / "x.png")


def test_masks_of_a_native_data_set_follow_the_upright_image(make_data: MakeData) -> None:
    root = make_data(subjects=2, images=1, test_subjects=0)
    first, second = read(root).rows
    for row, orientation in ((first, 3), (second, 6)):
        with Image.open(root / row.image) as file:
            pixels = np.asarray(file)
        # Stored turned, so that EXIF turns it to the orientation of the mask.
        stored = pixels[::-1, ::-1] if orientation == 3 else np.rot90(pixels)
        Image.fromarray(np.ascontiguousarray(stored)).save(root / row.image, exif=exif(orientation))
        image, mask = decode(read(root), row)
        assert np.array_equal(image, pixels)
        assert (image[mask == 1] == 230).all()
    assert check(root) == []
    with Image.open(root / second.mask) as file:
        Image.fromarray(np.rot90(np.asarray(file))).save(root / second.mask)
    (fault,) = check(root)
    assert fault.what == (
        "the mask is 32x64, but its image 64x32 after its EXIF orientation; turn the mask in the same way, or "
        "save both upright"
    )


def with_chunk(path: Path, kind: bytes, data: bytes) -> None:
    """Put a chunk behind the header of a PNG."""
    content = path.read_bytes()
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(content[:33] + chunk + content[33:])


FULL = np.array([[[0, 65535, 257 * 100], [257, 514, 40000]]], np.uint16)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_are_scaled_to_8(tmp_path: Path, channels: int) -> None:
    values: NDArray[np.uint16] = FULL[..., 1] if channels == 1 else FULL
    if channels == 4:
        values = np.dstack([FULL, np.full(FULL.shape[:2], 65535, np.uint16)])
    # OpenCV writes blue first.
    cv2.imwrite(str(tmp_path / "x.png"), values if channels == 1 else values[..., [2, 1, 0, 3][:channels]])
    picture = read_picture(tmp_path / "x.png")
    expected = np.rint(values[..., :3] / 257).astype(np.uint8)
    expected = np.repeat(expected[..., None], 3, axis=2) if channels == 1 else expected
    assert np.array_equal(picture.pixels, expected)
    assert picture.changes == ("scaled from 16 bits per channel to 8",)


@pytest.mark.parametrize("channels", [1, 3])
def test_12_bits_in_16_are_never_nearly_black(tmp_path: Path, channels: int) -> None:
    values = np.array([[0, 4095, 2048]], np.uint16)
    values = values if channels == 1 else np.repeat(values[..., None], 3, axis=2)
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), values)
    with pytest.raises(
        UnusableImageError, match="no value above 4095, so that its real depth is unknown; import it with"
    ):
        read_picture(path)
    assert read_picture(path, bits=12).pixels[0, :, 0].tolist() == [0, 255, 128]
    assert read_picture(path, bits=16).pixels[0, :, 0].tolist() == [0, 16, 8]
    with pytest.raises(UnusableImageError, match="holds the value 4095, which 10 bits cannot"):
        read_picture(path, bits=10)
    with_chunk(path, b"sBIT", bytes([12] * channels))
    assert read_picture(path).pixels[0, :, 0].tolist() == [0, 255, 128]
    assert read_picture(path).changes == ("scaled from 12 bits per channel to 8",)


def test_a_deep_tiff_is_scaled_to_8_bits(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 65535, 25700]], np.uint16)).save(tmp_path / "x.tif")
    assert read_picture(tmp_path / "x.tif").pixels[0, :, 0].tolist() == [0, 255, 100]
    Image.fromarray(np.array([[0, 4095, 2048]], np.uint16)).save(tmp_path / "x.tif", tiffinfo={281: 4095})
    assert read_picture(tmp_path / "x.tif").pixels[0, :, 0].tolist() == [0, 255, 128]
    Image.fromarray(np.array([[0, 4095, 65535]], np.uint16)).save(tmp_path / "x.tif", exif=exif(6))
    assert read_picture(tmp_path / "x.tif").pixels[:, 0, 0].tolist() == [0, 16, 255]


def colour_tiff(values: NDArray[np.uint16], orientation: int) -> bytes:
    """A TIFF of 16 bits per channel, which Pillow cannot write."""
    height, width, channels = values.shape
    data = values.astype("<u2").tobytes()
    bits, pixels = 8 + 2 + 12 * 9 + 4, 8 + 2 + 12 * 9 + 4 + 6
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, bits), (262, 3, 1, 2), (273, 4, 1, pixels)]
    entries += [(274, 3, 1, orientation), (277, 3, 1, channels), (278, 3, 1, height), (279, 4, 1, len(data))]
    tags = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + tags + struct.pack("<IHHH", 0, 16, 16, 16) + data


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_tiff_in_colour_is_scaled_to_8_bits(tmp_path: Path, orientation: int) -> None:
    (tmp_path / "x.tif").write_bytes(colour_tiff(STORED.astype(np.uint16) * 257, orientation))
    Image.fromarray(STORED).save(tmp_path / "x.png", exif=exif(orientation))
    picture = read_picture(tmp_path / "x.tif")
    assert np.array_equal(picture.pixels, read_picture(tmp_path / "x.png").pixels)
    assert picture.stored_size == (3, 5)
    assert picture.changes[0] == "scaled from 16 bits per channel to 8"
    assert (TURNED in picture.changes) == (orientation != 1)


@pytest.mark.parametrize(
    ("values", "pixels"), [([0, 0.5, 1], [0, 128, 255]), ([0, 0.5, 300], None), ([-1, 0, 1], None)]
)
def test_a_floating_point_tiff_between_0_and_1_is_scaled(
    tmp_path: Path, values: list[float], pixels: list[int] | None
) -> None:
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "x.tif")
    if pixels is None:
        with pytest.raises(
            UnusableImageError, match=r"its floating-point values reach from .* but only 0 to 1 is unambiguous"
        ):
            read_picture(tmp_path / "x.tif")
    else:
        assert read_picture(tmp_path / "x.tif").pixels[0, :, 0].tolist() == pixels


def test_a_colour_profile_is_applied(tmp_path: Path) -> None:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    del lab
    plain = Image.new("RGB", (2, 2), (200, 40, 90))
    plain.save(tmp_path / "srgb.png", icc_profile=ImageCms.ImageCmsProfile(srgb).tobytes())
    assert (read_picture(tmp_path / "srgb.png").pixels == (200, 40, 90)).all()
    assert read_picture(tmp_path / "srgb.png").changes == ()
    plain.save(tmp_path / "swapped.png", icc_profile=swapped_profile())
    picture = read_picture(tmp_path / "swapped.png")
    # Red and green primaries are exchanged in the profile.
    assert abs(picture.pixels[0, 0].astype(int) - (40, 200, 90)).max() <= 3
    assert picture.changes == ("converted from its colour profile to sRGB",)


def swapped_profile() -> bytes:
    """An sRGB profile whose primaries of red and green are exchanged, under another name."""
    raw = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(raw[128:132])
    places = {bytes(raw[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    raw[places[b"rXYZ"] : places[b"rXYZ"] + 4], raw[places[b"gXYZ"] : places[b"gXYZ"] + 4] = b"gXYZ", b"rXYZ"
    return bytes(raw).replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200])
def test_a_broken_colour_profile_is_reported(tmp_path: Path, profile: bytes) -> None:
    Image.fromarray(STORED).save(tmp_path / "x.png", icc_profile=profile)
    picture = read_picture(tmp_path / "x.png")
    assert np.array_equal(picture.pixels, STORED)
    assert picture.changes == ("with an unusable colour profile: colours are not converted",)


def test_cmyk_is_converted_the_right_way_round(tmp_path: Path) -> None:
    red = Image.new("RGB", (8, 8), (220, 30, 30))
    red.convert("CMYK").save(tmp_path / "x.jpg", quality=95)
    picture = read_picture(tmp_path / "x.jpg")
    assert abs(picture.pixels.astype(int) - (220, 30, 30)).max() < 12
    assert picture.changes == ("converted from CMYK without a colour profile",)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_reported_only_if_present(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (4, 4), (9, 9, 9, 255))
    image.convert(mode).save(tmp_path / "opaque.png")
    assert read_picture(tmp_path / "opaque.png").changes == ()
    image.putpixel((0, 0), (9, 9, 9, 0))
    if mode == "P":
        palette = image.convert("RGB").convert("P")
        palette.save(tmp_path / "x.png", transparency=palette.getpixel((0, 0)))
    else:
        image.convert(mode).save(tmp_path / "x.png")
    (change,) = read_picture(tmp_path / "x.png").changes
    assert change.startswith("partly transparent")


def test_a_file_of_several_pages_is_reported(tmp_path: Path) -> None:
    pages = [Image.fromarray(STORED), Image.fromarray(STORED[::-1].copy())]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    picture = read_picture(tmp_path / "x.tif")
    assert np.array_equal(picture.pixels, STORED)
    assert picture.changes == ("with several pages: only the first one is used",)


def test_colours_of_masks_are_never_converted(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(STORED).save(buffer, format="PNG", icc_profile=swapped_profile())
    (tmp_path / "x.png").write_bytes(buffer.getvalue())
    assert np.array_equal(open_stored_colours(tmp_path / "x.png"), STORED)
