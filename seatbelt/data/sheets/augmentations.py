"""A sheet of augmentations as in figure 3.3 of the thesis: a picture, and the effect of each transform alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seatbelt.config.augmentation import NAMED_TRANSFORMS, AugmentationConfig
from seatbelt.data.augmentation.augmenter import Augmenter
from seatbelt.data.augmentation.colour import clothes_table
from seatbelt.data.augmentation.steps import Pixels, Supplement
from seatbelt.data.datasets.dataset import DataSet, decode
from seatbelt.data.datasets.labels import channel_codes
from seatbelt.data.datasets.manifest import Row
from seatbelt.data.loading.decoded_cache import resize
from seatbelt.data.sheets.contact import choose_rows
from seatbelt.errors import UserError

_COLUMNS, _SAMPLES = 4, 5
_CELL_WIDTH, _CAPTION, _GAP = 320, 24, 6
_OUTLINE = (255, 225, 0)
_TRIES = 20

MOST_IMAGES = 20
"""Largest number of images on one sheet."""

Picture = tuple[str, NDArray[np.uint8]]
"""Caption and (height, width, 3) RGB."""


def augment_sheet(  # noqa: PLR0913
    dataset: DataSet,
    *,
    images: int = 1,
    generation: str | None = None,
    domain: str | None = None,
    seed: int = 0,
    strength: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
) -> Image.Image:
    """Draw for some images the original, each named transform alone, and samples with all ten of the thesis.

    `copy_paste` pastes the target of one of the other images onto the picture, or onto the first that is without it.

    The target is outlined in yellow to show whether the mask moves with the picture.

    Args:
        dataset: The data set.
        images: Number of images, chosen at random.
        generation: Use only images of this generation.
        domain: Use only real or synthetic images.
        seed: Seed of the choice and of the augmentation.
        strength: Strength of each transform that is drawn alone, from 0 to 2.
        progress: Called with the number of images drawn and their total.

    Raises:
        UserError: No image fits, or there are too many for one sheet.
    """
    if images > MOST_IMAGES:
        raise UserError(f"a sheet of augmentations holds at most {MOST_IMAGES} images, but got --images {images}")
    chosen = choose_rows(dataset, images, generation=generation, domain=domain, seed=seed)
    blocks = []
    for done, row in enumerate(chosen, start=1):
        blocks.append(_block(list(_pictures(dataset, row, seed, strength))))
        if progress:
            progress(done, len(chosen))
    sheet = Image.new("RGB", (blocks[0].width, sum(block.height for block in blocks)), "white")
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height
    return sheet


def _pictures(dataset: DataSet, row: Row, seed: int, strength: float) -> Iterator[Picture]:
    image, mask, clothes = _read(dataset, row)
    yield f"original: {row.image.rpartition('/')[2]}", _outlined(image, mask)
    for name in NAMED_TRANSFORMS:
        alone = Augmenter(AugmentationConfig(transforms=(name,), probability=1.0, strength=strength), *mask.shape)
        shown, supplement = (image, mask), Supplement(clothes=clothes)
        if name == "copy_paste":
            shown, supplement = _receiver_and_donor(dataset, (image, mask))
        yield name, _outlined(*_first_change(alone, *shown, seed, supplement))
    every = AugmentationConfig()
    augment = Augmenter(every, *mask.shape)
    for number in range(1, _SAMPLES + 1):
        names = augment.applied(seed=seed, epoch=number, index=0)
        new = augment(image, mask, seed=seed, epoch=number, index=0)
        yield f"all ten at p = {every.probability}: {len(names)} applied", _outlined(*new)


def _read(dataset: DataSet, row: Row, shape: tuple[int, int] | None = None) -> tuple[Pixels, Pixels, Pixels]:
    """Return an image, its mask with 1 for the target, and where it shows clothes; of a shape or twice a cell wide."""
    image, indices = decode(dataset, row)
    height, width = shape or (
        max(32, round(2 * _CELL_WIDTH * indices.shape[0] / indices.shape[1])),
        2 * _CELL_WIDTH,
    )
    image, indices = resize(image, indices, height, width)
    codes = channel_codes(dataset.classes, (dataset.target,))
    return image, codes[indices], clothes_table(dataset.classes, (dataset.target,))[indices]


def _receiver_and_donor(dataset: DataSet, shown: tuple[Pixels, Pixels]) -> tuple[tuple[Pixels, Pixels], Supplement]:
    """Return an image without the target, the shown one if it is, and a donor: the first images of the data set."""
    donor, receiver = shown if (shown[1] == 1).any() else None, shown if not (shown[1] == 1).any() else None
    for row in dataset.rows:
        if donor and receiver:
            break
        image, mask, _ = _read(dataset, row, shown[1].shape)
        if (mask == 1).any():
            donor = donor or (image, mask)
        else:
            receiver = receiver or (image, mask)
    source = donor
    return receiver or shown, Supplement(donor=None if source is None else lambda _: source)


def _first_change(
    augment: Augmenter,
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    seed: int,
    supplement: Supplement,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Augment until the image changes: rotation by 90 degrees has no effect in a quarter of the cases."""
    for epoch in range(1, _TRIES + 1):
        changed = augment(image, mask, seed=seed, epoch=epoch, index=0, supplement=supplement)
        if not np.array_equal(changed[0], image):
            break
    return changed


def _outlined(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    contours, _ = cv2.findContours((mask == 1).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    drawn = cv2.drawContours(image.copy(), contours, -1, _OUTLINE, 2, cv2.LINE_AA)
    return np.asarray(drawn, np.uint8)


def _block(pictures: list[Picture]) -> Image.Image:
    """Arrange pictures in rows of four, each with its caption below."""
    first = pictures[0][1]
    height = max(1, round(_CELL_WIDTH * first.shape[0] / first.shape[1]))
    step_x, step_y = _CELL_WIDTH + _GAP, height + _CAPTION
    rows = -(-len(pictures) // _COLUMNS)
    block = Image.new("RGB", (_COLUMNS * step_x + _GAP, rows * step_y + 2 * _GAP), "white")
    draw, font = ImageDraw.Draw(block), ImageFont.load_default(14)
    for position, (caption, picture) in enumerate(pictures):
        x, y = _GAP + position % _COLUMNS * step_x, _GAP + position // _COLUMNS * step_y
        small = cv2.resize(picture, (_CELL_WIDTH, height), interpolation=cv2.INTER_AREA)
        block.paste(Image.fromarray(np.asarray(small, np.uint8)), (x, y))
        draw.text((x + 2, y + height + 3), _shortened(caption, draw, font), fill="black", font=font)
    return block


def _shortened(caption: str, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    while draw.textlength(caption, font=font) > _CELL_WIDTH - 4:
        caption = caption.removesuffix("...")[:-1] + "..."
    return caption
