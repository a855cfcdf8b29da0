"""Patterns of cloth and trim, folds, and the view outside the windows; generated once and tiled."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seatbelt.data.scenes.geometry.solids import Floats

TILE = 256
"""Edge of a tile in texels, a power of two."""

PATTERNS: dict[str, int] = {
    "plain": 0,
    "weave": 1,
    "stripes": 2,
    "pinstripes": 3,
    "plaid": 4,
    "dots": 5,
    "leather": 6,
    "denim": 7,
    "knit": 8,
    "print": 9,
    "webbing": 10,
    "blotches": 11,
    "zip": 12,
    "mottled": 13,
}
"""Name -> number of its tile. A tile holds the share of the second colour, from 0 to 1."""

Texels = npt.NDArray[np.float32]


@lru_cache(maxsize=1)
def pattern_tiles() -> Texels:
    """All tiles, (number of patterns, TILE, TILE)."""
    rng = np.random.default_rng(20231)
    y, x = np.mgrid[0:TILE, 0:TILE] / TILE
    fine, rough = _noise(rng, 0.4), _noise(rng, 1.4)
    tiles: dict[str, Floats] = {
        "plain": 0.06 * fine,
        "weave": 0.25 * _wave(x * 32) * _wave(y * 32) + 0.25 * fine,
        "stripes": (_wave(y * 4) > 0.5) + 0.1 * fine,
        "pinstripes": (_wave(x * 8) > 0.93) + 0.1 * fine,
        "plaid": 0.4 * (_wave(x * 3) > 0.6) + 0.4 * (_wave(y * 3) > 0.6) + 0.2 * (_wave(x * 3 + 0.3) > 0.97),
        "dots": (_wave(x * 6) * _wave(y * 6) > 0.72) + 0.1 * fine,
        "leather": 0.5 * np.clip(3 * np.abs(_noise(rng, 0.9) - 0.5), 0, 1),
        "denim": 0.35 * _wave((x + y) * 40) * fine + 0.5 * rough**2,
        "knit": 0.6 * np.abs(np.sin(np.pi * (x * 24 + 0.25 * _wave(y * 24)))),
        "print": _emblem(x, y, rng),
        "webbing": 0.5 * _wave((x + np.abs(np.mod(y * 8, 1) - 0.5) / 8) * 16) + 0.2 * fine,
        "blotches": np.clip(6 * (_noise(rng, 1.6) - 0.5) + 0.5, 0, 1),
        "zip": np.maximum(np.abs(x - 0.5) < 0.012, 0.3 * (np.abs(x - 0.5) < 0.03)) + 0.15 * rough,
        "mottled": rough,
    }
    return np.stack([np.clip(tiles[name], 0, 1) for name in PATTERNS]).astype(np.float32)


@lru_cache(maxsize=1)
def fold_tile() -> Texels:
    """Slopes of a wrinkled surface along both edges of a tile, (2, TILE, TILE), of standard deviation 1."""
    height = _noise(np.random.default_rng(20232), 1.7)
    slopes = np.stack([np.roll(height, -1, axis) - np.roll(height, 1, axis) for axis in (1, 0)])
    return np.asarray(slopes / slopes.std(), dtype=np.float32)


def sample(tiles: Texels, cloth: Floats, edge: float) -> Floats:
    """Values (..., n) of tiles (..., TILE, TILE), `edge` metres wide, at places (2, n) in metres."""
    u, v = (cloth * (TILE / edge)).astype(np.int32) & (TILE - 1)
    return np.asarray(tiles[..., v, u])


def scenery(rng: np.random.Generator, *, clutter: bool) -> Texels:
    """A panorama (64, 256, 3) of linear colour from zenith to ground: a street, or a plain sky."""
    sky = rng.uniform([0.45, 0.55, 0.65], [0.8, 0.85, 1.0])
    ground = rng.uniform(0.10, 0.45) * rng.uniform(0.85, 1.15, 3)
    picture: npt.NDArray[Any] = np.empty((64, 256, 3), dtype=np.float32)
    picture[:33] = sky * np.linspace(0.8, 1.25, 33)[:, None, None]
    picture[33:] = ground * np.linspace(0.8, 1.2, 31)[:, None, None]
    if not clutter:
        return picture
    for _ in range(26):
        _building(picture, rng) if rng.random() < 0.5 else _tree(picture, rng)
    for _ in range(10):
        x, y, w, h = (int(v) for v in rng.integers([0, 35, 6, 3], [256, 54, 17, 6]))
        cv2.ellipse(picture, (x, y), (w, h), 0, 0, 360, _muted(rng, 0.6), -1)
        cv2.ellipse(picture, (x, y - h), (w // 2, h), 0, 180, 360, (0.1, 0.11, 0.12), -1)
    picture *= 0.8 + 0.4 * pattern_tiles()[PATTERNS["mottled"]][::4, :, None]
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.7), dtype=np.float32)


def _building(picture: Texels, rng: np.random.Generator) -> None:
    x, width, top = (int(v) for v in rng.integers([0, 5, 10], [256, 30, 31]))
    cv2.rectangle(picture, (x, top), (x + width, 36), _muted(rng, 0.5), -1)
    # Rows of windows.
    picture[top + 2 : 33 : 4, x + 2 : max(x + width - 1, 0) : 3] = _muted(rng, 0.15)


def _tree(picture: Texels, rng: np.random.Generator) -> None:
    x, width, height = (int(v) for v in rng.integers([0, 3, 5], [256, 13, 13]))
    green = rng.uniform([0.02, 0.06, 0.01], [0.12, 0.25, 0.06])
    for _ in range(4):
        dx, dy = rng.uniform(-0.5, 0.5, 2) * [width, height]
        leaf = tuple((green * rng.uniform(0.6, 1.4)).tolist())
        cv2.ellipse(picture, (int(x + dx), int(26 + dy)), (width // 2 + 1, height // 2), 0, 0, 360, leaf, -1)


def _muted(rng: np.random.Generator, most: float) -> tuple[float, ...]:
    return tuple((rng.uniform(0.1, 1) * most * rng.uniform(0.7, 1.0, 3)).tolist())


def _noise(rng: np.random.Generator, falloff: float) -> Floats:
    """Periodic noise from 0 to 1 whose amplitude falls with frequency to the power `falloff`."""
    waves = np.fft.fft2(rng.standard_normal((TILE, TILE)))
    frequency = np.fft.fftfreq(TILE) * TILE
    radius = np.hypot(*np.meshgrid(frequency, frequency))
    radius[0, 0] = np.inf
    noise = np.fft.ifft2(waves / np.maximum(radius, 1.5) ** falloff).real
    return np.asarray(np.clip(0.5 + noise / (5 * noise.std()), 0, 1))


def _wave(turns: Floats) -> Floats:
    return np.asarray(0.5 + 0.5 * np.sin(2 * np.pi * turns))


def _emblem(x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """A print in the middle of the tile: a ring, bars and a splash."""
    radius = np.hypot(x - 0.5, (y - 0.55) * 1.2)
    ring = (radius < 0.17) & (radius > 0.13)
    bars = (np.abs(x - 0.5) < 0.11) & (np.abs(y - 0.55) < 0.06) & (np.mod(y * 40, 1) < 0.6)
    splash = (radius < 0.2) & (_noise(rng, 1.3) > 0.66)
    return np.asarray((ring | bars | splash) + 0.08 * _noise(rng, 0.5))
