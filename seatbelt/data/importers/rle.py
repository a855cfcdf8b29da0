"""COCO's three forms of a region: polygons, uncompressed and compressed run lengths.

Run lengths count pixels down the columns, beginning with those outside (pycocotools `common/maskApi.c`).
Compressed, each count (from the fourth on its difference to the one two before) is written in groups of
five bits, low ones first, one character from 48 on for each; bit 32 means that more follow. They are decoded here and
not by pycocotools, whose C code trusts its input. Polygons go through pycocotools after a check, so that their borders
are those of COCO.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

_MAX_OUTLINE = 1_000_000
"""Largest outline of all polygons of a region in pixels: pycocotools needs about 80 bytes per pixel."""


_FORM = "[[x, y, x, y, ...], ...]"


class BadRegionError(Exception):
    """A segmentation has none of the three forms or does not fit its image; the text is the reason."""


def decode_region(segmentation: object, height: int, width: int) -> NDArray[np.bool_]:
    """Return a region (H, W) from its COCO form.

    Raises:
        BadRegionError: The segmentation is invalid.
    """
    if isinstance(segmentation, list):
        if segmentation and all(isinstance(part, dict) for part in segmentation):
            region = np.zeros((height, width), bool)
            for part in segmentation:
                region |= decode_region(part, height, width)
            return region
        return _polygons(_as_polygons(segmentation), height, width)
    if not isinstance(segmentation, dict):
        raise BadRegionError(f"segmentation must be a list of polygons {_FORM} or a run-length object")
    if segmentation.get("size") != [height, width]:
        raise BadRegionError(f"size must be the image's [height, width] = [{height}, {width}]")
    counts = segmentation.get("counts")
    runs = _compressed(counts) if isinstance(counts, str) else _uncompressed(counts)
    return _filled(runs, height, width)


def encode_region(region: NDArray[np.bool_]) -> dict[str, object]:
    """Return a region (H, W) as compressed run lengths."""
    encoded = coco_mask.encode(np.asfortranarray(region, np.uint8))
    return {"size": list(region.shape), "counts": encoded["counts"].decode("ascii")}


def _filled(runs: NDArray[np.int64], height: int, width: int) -> NDArray[np.bool_]:
    # Each run is bounded first, so that the sum cannot overflow.
    bounded = runs.size <= height * width + 1 and ((runs >= 0) & (runs <= height * width)).all()
    if not bounded or int(runs.sum()) != height * width:
        raise BadRegionError(f"the run lengths do not add up to {width}x{height} pixels")
    inside = np.arange(runs.size) % 2 == 1
    return np.repeat(inside, runs).reshape(width, height).T


def _uncompressed(counts: object) -> NDArray[np.int64]:
    if not isinstance(counts, list) or not all(type(count) is int and abs(count) < 2**40 for count in counts):
        raise BadRegionError("counts must be a text or a list of whole numbers")
    return np.array(counts, np.int64)


def _compressed(text: str) -> NDArray[np.int64]:
    characters = np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(np.int64) - 48
    if not characters.size or characters.min() < 0 or characters.max() > 63 or characters[-1] & 32:
        raise BadRegionError("the compressed run lengths are damaged")
    ends = np.flatnonzero((characters & 32) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 8:
        raise BadRegionError("the compressed run lengths are damaged")
    places = np.arange(characters.size) - np.repeat(starts, lengths)
    runs: NDArray[np.int64] = np.add.reduceat((characters & 31) << 5 * places, starts)
    # Bit 16 of the last character is the sign.
    runs -= np.where(characters[ends] & 16, np.int64(1) << 5 * lengths, 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _as_polygons(segmentation: list[object]) -> list[object]:
    """Return polygons x, y, x, y, ...; accepts a single polygon without the outer list, and corners as pairs."""
    if all(type(value) in (int, float) for value in segmentation) or _is_corners(segmentation):
        segmentation = [segmentation]
    flat: list[object] = []
    for polygon in segmentation:
        if isinstance(polygon, list) and _is_corners(polygon):
            polygon = [value for pair in polygon for value in pair]
        flat.append(polygon)
    return flat


def _is_corners(polygon: list[object]) -> bool:
    """Return whether something is a list of at least three pairs of numbers."""
    return len(polygon) >= 3 and all(
        isinstance(pair, list) and len(pair) == 2 and all(type(value) in (int, float) for value in pair)
        for pair in polygon
    )


def _polygons(polygons: list[object], height: int, width: int) -> NDArray[np.bool_]:
    checked = [_polygon(polygon, height, width) for polygon in polygons]
    outline = sum(float(np.abs(np.diff(p, axis=0, append=p[:1])).max(axis=1).sum()) for p in checked)
    if outline > _MAX_OUTLINE:
        raise BadRegionError(f"the polygons are longer than {_MAX_OUTLINE:,} pixels")
    # One call per polygon: the region is their union, so that a polygon within another is not a hole.
    region = np.zeros((height, width), bool)
    for polygon in checked:
        encoded = coco_mask.frPyObjects([polygon.ravel().tolist()], height, width)
        region |= _filled(_compressed(encoded[0]["counts"].decode("ascii")), height, width)
    return region


def _polygon(polygon: object, height: int, width: int) -> NDArray[np.float64]:
    """Return the corners (N, 2) as x and y."""
    if not isinstance(polygon, list) or not all(type(value) in (int, float) for value in polygon):
        raise BadRegionError(f"a polygon must be a list of numbers, all of them {_FORM}, but it holds something else")
    if len(polygon) < 6 or len(polygon) % 2:
        raise BadRegionError(f"a polygon needs an even number of at least 6 numbers, but has {len(polygon)}")
    try:
        corners = np.array(polygon, np.float64).reshape(-1, 2)
    except OverflowError:
        corners = np.full((1, 2), np.inf)
    size = np.array([width, height])
    if not bool(((corners >= -size) & (corners <= 2 * size)).all()):
        raise BadRegionError(f"a polygon reaches far out of the image of {width}x{height} pixels")
    return corners
