"""A contact sheet of a data set: images with their masks overlaid."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from seatbelt.data.datasets.dataset import DataSet, decode
from seatbelt.data.datasets.manifest import Row
from seatbelt.data.loading.decoded_cache import resize
from seatbelt.errors import UserError

_CELL_WIDTH = 240
_COLUMNS = 6
_CAPTION = 14
_OPACITY = 0.45


def contact_sheet(
    dataset: DataSet, *, images: int, generation: str | None = None, domain: str | None = None, seed: int = 0
) -> Image.Image:
    """Draw some images of a data set, chosen at random.

    The target is yellow and opaque enough to judge its edges; each other class has another colour.

    Raises:
        UserError: No image fits.
    """
    chosen = choose_rows(dataset, images, generation=generation, domain=domain, seed=seed)
    first = decode(dataset, chosen[0])[1]
    height = max(1, round(_CELL_WIDTH * first.shape[0] / first.shape[1]))
    columns = min(_COLUMNS, len(chosen))
    lines = -(-len(chosen) // columns)
    legend = _legend(dataset, columns * _CELL_WIDTH)
    below = lines * (height + _CAPTION)
    legend_height = _CAPTION * (1 + max((line for _, _, line in legend), default=0))
    sheet = Image.new("RGB", (columns * _CELL_WIDTH, below + legend_height), "white")
    draw = ImageDraw.Draw(sheet)
    for position, row in enumerate(chosen):
        image, mask = resize(*decode(dataset, row), height, _CELL_WIDTH)
        x, y = (position % columns) * _CELL_WIDTH, (position // columns) * (height + _CAPTION)
        sheet.paste(Image.fromarray(_overlay(image, mask, dataset)), (x, y))
        draw.text((x + 2, y + height), f"{row.subject or row.image} {row.split}"[:38], fill="black")
    for name, x, line in legend:
        y = below + line * _CAPTION
        draw.rectangle((x, y + 2, x + 9, y + 11), fill=_colour(name, dataset))
        draw.text((x + 13, y), name, fill="black")
    return sheet


def choose_rows(dataset: DataSet, images: int, *, generation: str | None, domain: str | None, seed: int) -> list[Row]:
    """Choose some images at random, in the order of the manifest.

    Raises:
        UserError: No image fits.
    """
    rows = [
        row
        for row in dataset.rows
        if (generation is None or row.generation == generation) and (domain is None or row.domain == domain)
    ]
    if not rows:
        have = sorted({f"{row.domain} {row.generation}".strip() for row in dataset.rows})
        raise UserError(f"data set {dataset.root}: no image fits; it has: {', '.join(have)}")
    return [rows[int(index)] for index in np.sort(np.random.default_rng(seed).permutation(len(rows))[:images])]


def _overlay(image: NDArray[np.uint8], mask: NDArray[np.uint8], dataset: DataSet) -> NDArray[np.uint8]:
    blended = image.astype(np.float32)
    for name, index in dataset.classes.items():
        if index == 0:
            continue
        opacity = 0.75 if name == dataset.target else _OPACITY
        here = mask == index
        blended[here] = (1 - opacity) * blended[here] + opacity * np.asarray(_colour(name, dataset), np.float32)
    return blended.clip(0, 255).astype(np.uint8)


def _colour(name: str, dataset: DataSet) -> tuple[int, int, int]:
    if name == dataset.target:
        return (255, 225, 0)
    position = sorted(dataset.classes).index(name)
    # Steps of the golden ratio separate the hues of neighbouring classes; the target's yellow is left out.
    hue = 0.22 + 0.86 * ((0.4 + position * 0.618034) % 1)
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, 0.75, 0.9)
    return (int(red * 255), int(green * 255), int(blue * 255))


def _legend(dataset: DataSet, width: int) -> list[tuple[str, int, int]]:
    """Return name, x and line of each drawn class, in lines no wider than the sheet."""
    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    entries = []
    x, line = 4, 0
    for name, index in dataset.classes.items():
        if index == 0:
            continue
        needed = 22 + int(measure.textlength(name))
        if x > 4 and x + needed > width:
            x, line = 4, line + 1
        entries.append((name, x, line))
        x += needed
    return entries
