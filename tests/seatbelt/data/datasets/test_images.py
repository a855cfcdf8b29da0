"""Single images and masks from untrusted files."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seatbelt.data.datasets.images import UnusableImageError, open_mask, read_picture


def png(width: int, height: int, *, depth: int, colour: int, rows: bytes) -> bytes:
    """Return a PNG whose header may claim anything; colour 0 is grey, 2 RGB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.png"


@pytest.mark.parametrize(
    ("size", "what"),
    [
        ((100_000, 100_000), "more than 50,000,000 pixels"),
        ((12_000, 12_000), "12000x12000 pixels are more than 50,000,000"),
        ((7_072, 7_071), "7072x7071 pixels are more than 50,000,000"),
    ],
)
def test_an_absurdly_large_image_is_refused_by_its_header(path: Path, size: tuple[int, int], what: str) -> None:
    path.write_bytes(png(*size, depth=8, colour=0, rows=b"\0"))
    for opened in (read_picture, open_mask):
        with pytest.raises(UnusableImageError, match=what):
            opened(path)


def test_a_palette_mask_holds_class_indices_whatever_its_colours(path: Path) -> None:
    mask = Image.fromarray(np.array([[0, 1], [2, 255]], np.uint8)).convert("P")
    mask.putpalette([0, 0, 0, 200, 10, 10, 10, 10, 200] + [9, 9, 9] * 253)
    mask.save(path)
    with Image.open(path) as file:
        assert file.mode == "P"
    assert open_mask(path).tolist() == [[0, 1], [2, 255]]


def test_grey_masks_of_less_than_8_bits_would_be_stretched(path: Path) -> None:
    path.write_bytes(png(4, 1, depth=2, colour=0, rows=b"\0\x1b"))
    # What Pillow makes of the class indices 0, 1, 2, 3:
    with Image.open(path) as file:
        assert np.asarray(file).tolist() == [[0, 85, 170, 255]]
    with pytest.raises(UnusableImageError, match="masks must be 8-bit single-channel PNG, but the mode is L;2 bits"):
        open_mask(path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "1", "I;16"])
def test_a_mask_of_another_kind_is_refused(path: Path, mode: str) -> None:
    Image.new(mode, (3, 2)).save(path)
    with pytest.raises(UnusableImageError, match=f"masks must be 8-bit single-channel PNG, but the mode is {mode}"):
        open_mask(path)


def test_a_mask_that_was_compressed_with_loss_is_refused(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "x.jpg")
    with pytest.raises(UnusableImageError, match="the image cannot be decoded as PNG"):
        open_mask(tmp_path / "x.jpg")


@pytest.mark.parametrize(("mode", "colour"), [("L", 7), ("RGB", (7, 7, 7)), ("RGBA", (7, 7, 7, 0)), ("LA", (7, 9))])
def test_images_of_any_8_bit_kind_become_rgb(path: Path, mode: str, colour: int) -> None:
    Image.new(mode, (3, 2), colour).save(path)
    assert read_picture(path).pixels.tolist() == [[[7, 7, 7]] * 3] * 2


def test_a_vector_file_never_reaches_an_interpreter(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    with pytest.raises(UnusableImageError, match="cannot be decoded as PNG or JPEG or WEBP or BMP or TIFF"):
        read_picture(tmp_path / "x.png")


def test_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(UnusableImageError, match="the file is missing"):
        read_picture(tmp_path / "x.png")
    with pytest.raises(UnusableImageError, match="is no file"):
        read_picture(tmp_path)
    with pytest.raises(UnusableImageError, match="File name too long"):
        read_picture(tmp_path / ("x" * 300))


def test_whatever_a_decoder_stumbles_over_is_one_kind_of_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise struct.error("unpack requires a buffer of 4 bytes")

    Image.new("RGB", (3, 2)).save(path)
    monkeypatch.setattr(Image, "open", stumble)
    with pytest.raises(UnusableImageError, match=r"x\.png: the image cannot be decoded \(unpack requires a buffer"):
        read_picture(path)
