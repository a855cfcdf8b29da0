"""Images that are bombs are refused by their header, before they are decoded."""

from __future__ import annotations

import io
import resource
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from seatbelt.data.datasets.images import UnusableImageError, open_mask, read_picture
from seatbelt.data.importers.frames import BadFileError
from seatbelt.data.importers.pixels import read_image


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(b"\0" * (min(width, 100) + 1) * min(height, 100)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunk(*c) for c in chunks) + rows + chunk(b"IEND", b"")


def of_kind(form: str) -> bytes:
    """Return a small file whose header says 60000x60000 (WEBP: its largest, 16383x16383)."""
    size = 60000
    if form == "PNG":
        return png(size, size)
    if form == "GIF":
        return (
            b"GIF89a"
            + struct.pack("<HH", size, size)
            + b"\x80\0\0"
            + b"\0" * 6
            + b","
            + struct.pack("<HHHH", 0, 0, size, size)
            + b"\0\2\1\0\0;"
        )
    if form == "PPM":
        return b"P6\n60000 60000\n255\n" + b"\0" * 99
    if form == "WEBP":
        frame = b"\x30\1\0\x9d\1\x2a" + struct.pack("<HH", 16383, 16383) + b"\0" * 40
        vp8 = b"VP8 " + struct.pack("<I", len(frame)) + frame
        return b"RIFF" + struct.pack("<I", 4 + len(vp8)) + b"WEBP" + vp8
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, form)
    data = bytearray(file.getvalue())
    if form == "BMP":
        data[18:26] = struct.pack("<ii", size, size)
    elif form == "JPEG":
        place = data.index(b"\xff\xc0") + 5
        data[place : place + 4] = struct.pack(">HH", size, size)
    elif form == "TIFF":
        for tag in (256, 257):
            place = data.index(struct.pack("<HH", tag, 4))
            data[place : place + 12] = struct.pack("<HHII", tag, 4, 1, size)
    else:
        place = data.index(b"ihdr") + 4
        data[place : place + 8] = struct.pack(">II", size, size)
        place = data.index(b"\xff\x4f\xff\x51") + 8
        data[place : place + 8] = struct.pack(">II", size, size)
    return bytes(data)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000"])
def test_an_image_bomb_is_refused_by_its_header(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(of_kind(form))

    def decoded(*_: object) -> None:
        pytest.fail("it is decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decoded)
    for opened in (read_picture, open_mask, lambda path: read_image(path, "x")):
        with pytest.raises((UnusableImageError, BadFileError)) as caught:
            opened(path)
        native = form in ("PNG", "JPEG", "WEBP", "BMP", "TIFF") and opened is read_picture
        assert not native or "pixels" in str(caught.value), str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_text_that_unpacks_to_gigabytes_is_refused(tmp_path: Path, kind: bytes) -> None:
    packed = zlib.compress(b"\0" * 200_000_000, 9)
    head = {b"zTXt": b"x\0\0", b"iTXt": b"x\0\1\0\0\0", b"iCCP": b"x\0\0"}[kind]
    path = tmp_path / "x.png"
    path.write_bytes(png(8, 8, (kind, head + packed)))
    before = peak()
    with pytest.raises(UnusableImageError, match="too large"):
        read_picture(path)
    assert peak() - before < 100_000, "KiB"


def test_many_megabytes_of_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(png(8, 8, *[(b"zTXt", b"x\0\0" + zlib.compress(b" " * 1_000_000))] * 80))
    before = peak()
    with pytest.raises(UnusableImageError, match=r"(?i)too large|too much memory"):
        read_picture(path)
    assert peak() - before < 150_000, "KiB"


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
