"""Sources in each format, drawn by arithmetic: two belts and hair, a hole, an empty mask, PNG and JPEG."""

from __future__ import annotations

import base64
import io
import json
import random
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from seatbelt.data.datasets.dataset import check, decode, read

HEIGHT, WIDTH = 6, 10
BELT, HAIR = (255, 0, 0), (0, 128, 0)
LABELS = {1: "seat_belt", 2: "hair"}
COLOURS = {1: BELT, 2: HAIR}
SOLO = "type.unity.com/unity.solo."


def drawn_mask(number: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """Class numbers (H, W): image 0 shows hair only, 1 nothing, the others a belt with a hole and hair."""
    mask = np.zeros((height, width), np.uint8)
    if number != 1:
        mask[0, 2:9] = 2
    if number > 1:
        mask[1:5, 1:6] = 1
        mask[2:4, 2 + number % 3] = 0
    return mask


def drawn_image(number: int, height: int = HEIGHT, width: int = WIDTH) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 255, (height, width, 3), np.uint8))


def coloured(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    pixels = np.zeros((*mask.shape, 3), np.uint8)
    for number, colour in COLOURS.items():
        pixels[mask == number] = colour
    return pixels


def draw_solo(
    root: Path, sequences: int = 2, steps: int = 2, cameras: tuple[str, ...] = ("front",), **size: int
) -> Path:
    number = 0
    for sequence in range(sequences):
        folder = root / f"sequence.{sequence}"
        folder.mkdir(parents=True)
        for step in range(steps):
            captures = []
            for camera in cameras:
                suffix = "jpg" if number % 2 else "png"
                name, mask = f"step{step}.{camera}", drawn_mask(number, **size)
                drawn_image(number, **size).save(folder / f"{name}.{suffix}")
                rgba = np.dstack([coloured(mask), np.full(mask.shape, 255, np.uint8)])
                Image.fromarray(rgba).save(folder / f"{name}.semantic segmentation.png")
                captures.append(capture(name, suffix, mask))
                number += 1
            frame = {"frame": number, "sequence": sequence, "step": step, "captures": captures, "metrics": []}
            (folder / f"step{step}.frame_data.json").write_text(json.dumps(frame))
    return root


def capture(name: str, suffix: str, mask: NDArray[np.uint8]) -> dict[str, Any]:
    instances = [
        {"labelName": LABELS[number], "pixelValue": [*COLOURS[number], 255]}
        for number in LABELS
        if (mask == number).any()
    ]
    return {
        "@type": f"{SOLO}RGBCamera",
        "id": name.partition(".")[2],
        "filename": f"{name}.{suffix}",
        "dimension": [float(mask.shape[1]), float(mask.shape[0])],
        "annotations": [
            {"@type": f"{SOLO}BoundingBox2DAnnotation", "id": "boxes", "values": []},
            {
                "@type": f"{SOLO}SemanticSegmentationAnnotation",
                "id": "semantic segmentation",
                "filename": f"{name}.semantic segmentation.png",
                "instances": instances,
            },
        ],
    }


def compressed(region: NDArray[np.bool_]) -> dict[str, Any]:
    encoded = coco_mask.encode(np.asfortranarray(region, np.uint8))
    return {"size": list(region.shape), "counts": encoded["counts"].decode()}


def uncompressed(region: NDArray[np.bool_]) -> dict[str, Any]:
    counts, value = [], False
    run = 0
    for pixel in region.T.ravel().tolist():
        if pixel != value:
            counts.append(run)
            run, value = 0, pixel
        run += 1
    return {"size": list(region.shape), "counts": [*counts, run]}


def draw_coco(root: Path, images: int = 4, **size: int) -> Path:
    """Belts as compressed, hair as uncompressed run lengths; images in `images/`."""
    (root / "images").mkdir(parents=True)
    (root / "annotations").mkdir()
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(images):
        name, mask = f"{number}.{'jpg' if number % 2 else 'png'}", drawn_mask(number, **size)
        drawn_image(number, **size).save(root / "images" / name)
        listed.append({"id": 10 + number, "file_name": name, "height": mask.shape[0], "width": mask.shape[1]})
        for value, form in ((2, uncompressed), (1, compressed)):
            if (mask == value).any():
                annotations.append(
                    {
                        "id": len(annotations),
                        "image_id": 10 + number,
                        "category_id": 30 + value,
                        "segmentation": form(mask == value),
                        "iscrowd": 1,
                    }
                )
    categories = [{"id": 30 + value, "name": name} for value, name in LABELS.items()]
    file = {"images": listed, "annotations": annotations, "categories": categories}
    (root / "annotations" / "instances.json").write_text(json.dumps(file))
    return root


def draw_voc(root: Path, images: int = 4, lists: bool = True, **size: int) -> Path:
    """Masks in turn as colours, with a palette, and as grey numbers."""
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    lines = [f"{LABELS[n]}:{','.join(map(str, COLOURS[n]))}::" for n in LABELS]
    (root / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\n" + "\n".join(lines))
    for number in range(images):
        mask = drawn_mask(number, **size)
        drawn_image(number, **size).save(root / "JPEGImages" / f"p{number}_a.{'jpg' if number % 2 else 'png'}")
        picture = Image.fromarray(mask if number % 3 == 2 else coloured(mask))
        if number % 3 == 1:
            picture = picture.quantize()
        picture.save(root / "SegmentationClass" / f"p{number}_a.png")
    if lists:
        half = images // 2
        for split, numbers in (("train", range(half)), ("test", range(half, images))):
            names = "\n".join(f"p{number}_a" for number in numbers)
            (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text(names + "\n")
    return root


def draw_folder(root: Path, images: int = 4, colours: bool = False, **size: int) -> Path:
    for number in range(images):
        mask, person = drawn_mask(number, **size), f"p{number % 2}"
        for folder in ("images", "masks"):
            (root / folder / person).mkdir(parents=True, exist_ok=True)
        suffix = "jpg" if number % 2 else "png"
        drawn_image(number, **size).save(root / "images" / person / f"{number}.{suffix}")
        Image.fromarray(coloured(mask) if colours else mask).save(root / "masks" / person / f"{number}.png")
    if colours:
        text = "".join(f"{LABELS[n]}:{','.join(map(str, COLOURS[n]))}\n" for n in LABELS)
        (root / "colours.txt").write_text(text)
    return root


def draw_cityscapes(root: Path, images: int = 4, *, extras: bool = False, **size: int) -> Path:
    """Belts as cars (26), hair as persons (24), the last column as the car that carries the camera (1).

    With `extras`, also the further files that lie beside the masks.
    """
    for number in range(images):
        split, city = ("train", "ulm") if number % 2 == 0 else ("val", "bonn")
        stem = f"{city}_{number:06d}_000019"
        mask = drawn_mask(number, **size)
        ids = np.array([0, 26, 24], np.uint8)[mask]
        ids[:, -1] = 1
        for folder in ("leftImg8bit", "gtFine"):
            (root / folder / split / city).mkdir(parents=True, exist_ok=True)
        drawn_image(number, **size).save(root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png")
        masks = root / "gtFine" / split / city
        Image.fromarray(ids).save(masks / f"{stem}_gtFine_labelIds.png")
        if extras:
            Image.fromarray(coloured(mask)).save(masks / f"{stem}_gtFine_color.png")
            (masks / f"{stem}_gtFine_polygons.json").write_text('{"objects": []}')
    return root


def draw_supervisely(root: Path, images: int = 4, **size: int) -> Path:
    """Belts as packed bitmaps, hair as rectangles; one data set."""
    for folder in ("img", "ann"):
        (root / "cabin" / folder).mkdir(parents=True)
    classes = [{"title": name, "shape": "any", "color": "#FF0000"} for name in LABELS.values()]
    (root / "meta.json").write_text(json.dumps({"classes": classes, "tags": []}))
    for number in range(images):
        name, mask = f"{number}.{'jpg' if number % 2 else 'png'}", drawn_mask(number, **size)
        drawn_image(number, **size).save(root / "cabin" / "img" / name)
        objects = [boxed(mask == 2, "hair")] if (mask == 2).any() else []
        objects += [packed(mask == 1, "seat_belt")] if (mask == 1).any() else []
        annotation = {"size": {"height": mask.shape[0], "width": mask.shape[1]}, "tags": [], "objects": objects}
        (root / "cabin" / "ann" / f"{name}.json").write_text(json.dumps(annotation))
    return root


def packed(region: NDArray[np.bool_], label: str) -> dict[str, Any]:
    """Return a region as Supervisely packs it: the box around it as a transparent PNG, zlib, base64."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    part = region[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([part * np.uint8(255)] * 4)).save(buffer, format="PNG")
    data = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
    bitmap = {"data": data, "origin": [int(columns[0]), int(rows[0])]}
    return {"classTitle": label, "geometryType": "bitmap", "bitmap": bitmap}


def boxed(region: NDArray[np.bool_], label: str) -> dict[str, Any]:
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    corners = [[int(columns[0]), int(rows[0])], [int(columns[-1]), int(rows[-1])]]
    return {"classTitle": label, "geometryType": "rectangle", "points": {"exterior": corners, "interior": []}}


def masks_of(root: Path) -> dict[str, NDArray[np.uint8]]:
    """Image name below images/ -> its mask; the data set must be faultless."""
    assert check(root) == []
    dataset = read(root)
    return {row.image.removeprefix("images/"): decode(dataset, row)[1] for row in dataset.rows}


def rewrite(path: Path, change: Any) -> None:
    """Change a JSON file in place by a function of what it holds."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def damage(root: Path, draw: random.Random) -> str:
    """Damage one file; return what was done."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    texts = [path for path in files if path.suffix in (".json", ".txt")]
    path = draw.choice(texts if texts and draw.random() < 0.5 else files)
    kind = draw.choice(["truncate", "flip", "flip", "swap", "rename", "overwrite", "value", "value"])
    content = bytearray(path.read_bytes())
    if kind == "value" and path.suffix == ".json":
        raw = json.loads(content)
        where = spoil(raw, draw)
        path.write_text(json.dumps(raw))
        return f"{kind} {path.name} {where}"
    if kind == "truncate":
        path.write_bytes(content[: draw.randrange(len(content))])
    elif kind == "swap":
        other = draw.choice([other for other in files if other != path])
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)
    elif kind == "rename":
        shutil.move(path, path.with_name(f"{path.name}.bak"))
    elif kind == "overwrite":
        start = draw.randrange(len(content))
        content[start : start + 20] = draw.randbytes(20)
        path.write_bytes(content)
    else:
        for _ in range(draw.choice([1, 1, 4])):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
    return f"{kind} {path.name}"


_ODD: list[Any] = [None, -1, 0, 2.5, 10**30, float("nan"), float("inf"), "", "..", "/etc/passwd", "\ud800", "a\nb"]
_ODDER: list[Any] = [
    [],
    {},
    [[]],
    [[1, 2]],
    [None],
    {"a": 1},
    True,
    "x" * 5000,
    [[1e9] * 6],
    {"counts": "0", "size": 1},
]


def spoil(raw: Any, draw: random.Random) -> str:
    """Replace or remove one value somewhere in a JSON document."""
    places: list[tuple[Any, Any, str]] = []

    def collect(node: Any, at: str) -> None:
        keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            places.append((node, key, f"{at}/{key}"))
            collect(node[key], f"{at}/{key}")

    collect(raw, "")
    node, key, at = draw.choice(places)
    if isinstance(node, dict) and draw.random() < 0.2:
        del node[key]
        return f"{at} removed"
    node[key] = draw.choice(_ODD + _ODDER)
    return f"{at} = {str(node[key])[:30]!r}"
