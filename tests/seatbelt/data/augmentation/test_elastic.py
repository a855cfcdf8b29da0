"""Elastic fields and fog against albumentations' own: the same distribution, up to the error of sampling."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from seatbelt.data.augmentation import elastic
from seatbelt.data.augmentation.fog import fogged
from seatbelt.data.augmentation.transforms import BUILDERS

Floats = npt.NDArray[np.float64]

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"


def errors_apart(ours: Floats, theirs: Floats) -> float:
    """Return how many standard errors the means of two samples lie apart."""
    error = np.sqrt(ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs))
    return float(abs(ours.mean() - theirs.mean()) / error)


SIZE, FIELDS, RMS = (100, 180), 300, 2.0


@pytest.fixture(scope="module")
def fields() -> tuple[Floats, Floats]:
    """Displacements of our elastic transform and of the library's: (300, x or y, height, width)."""
    from albumentations.augmentations.geometric.functional import generate_displacement_fields

    height, width = SIZE
    sigma = elastic.filter_width(height, width)
    assert sigma == 4.0
    ours, theirs = [], []
    for number in range(FIELDS):
        x, y = elastic.maps(height, width, RMS, np.random.default_rng([0, number]))
        ours.append((x - np.arange(width), y - np.arange(height)[:, None]))
        # Noise on (-1, 1) has the variance 1/3, and the filter divides its standard deviation by 2 sqrt(pi) sigma.
        alpha = RMS * np.sqrt(3) * 2 * np.sqrt(np.pi) * sigma
        noise = np.random.default_rng([1, number])
        theirs.append(generate_displacement_fields(SIZE, alpha, sigma, False, (0, 0), noise, "uniform"))
    return np.array(ours, np.float64), np.array(theirs, np.float64)


PLACES = {
    "middle": np.s_[:, :, 30:70, 40:140],
    "first rows": np.s_[:, :, :2, 40:140],
    "last rows": np.s_[:, :, -2:, 40:140],
    "first columns": np.s_[:, :, 30:70, :2],
    "last columns": np.s_[:, :, 30:70, -2:],
    "a corner": np.s_[:, :, :3, :3],
    "the opposite corner": np.s_[:, :, -3:, -3:],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("direction", [0, 1])
def test_displacements_are_as_large_as_the_librarys(fields: tuple[Floats, Floats], place: str, direction: int) -> None:
    ours, theirs = ((field[PLACES[place]][:, direction] ** 2).mean(axis=(1, 2)) for field in fields)
    assert errors_apart(ours, theirs) < 4
    means = [field[PLACES[place]][:, direction].mean(axis=(1, 2)) for field in fields]
    assert errors_apart(*means) < 4


def test_the_amplitude_is_that_of_the_argument(fields: tuple[Floats, Floats]) -> None:
    assert np.sqrt((fields[0][PLACES["middle"]] ** 2).mean()) == pytest.approx(RMS, rel=0.03)


STATISTICS: dict[str, Callable[[Floats], Floats]] = {
    "neighbours": lambda d: (d[..., 1:] - d[..., :-1]) ** 2,
    "rows 4 apart": lambda d: d[..., 4:, :] * d[..., :-4, :],
    "columns 8 apart": lambda d: d[..., 8:] * d[..., :-8],
    "x with y": lambda d: d[:, :1] * d[:, 1:],
    "fourth power": lambda d: d**4,
}


@pytest.mark.parametrize("name", STATISTICS)
def test_displacements_vary_over_the_picture_as_the_librarys(fields: tuple[Floats, Floats], name: str) -> None:
    ours, theirs = (STATISTICS[name](field[PLACES["middle"]]).mean(axis=(1, 2, 3)) for field in fields)
    assert errors_apart(ours, theirs) < 4
    if name == "neighbours":  # smooth: nothing of the coarse grid is left
        assert ours.mean() == pytest.approx(theirs.mean(), rel=0.03)


PARTS: dict[str, Callable[[Floats], float]] = {
    "all": lambda fog: float(fog.mean()),
    "variation": lambda fog: float(fog.std()),
    "centre": lambda fog: float(fog[200:280, 350:500].mean()),
    "border": lambda fog: float(fog[:60].mean()),
    "edges of circles": lambda fog: float(np.abs(np.diff(fog, axis=1)).mean()),
    "densest": lambda fog: float(fog.max()),
}


@pytest.mark.slow
@pytest.mark.parametrize("intensity", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("value", [0, pytest.param(128, marks=pytest.mark.long)])
def test_fog_is_as_the_librarys(value: int, intensity: float) -> None:
    import albumentations

    library = albumentations.RandomFog(fog_coef_range=(intensity, intensity), alpha_coef=0.08, p=1)
    plain = np.full((480, 848, 3), value, np.uint8)
    ours, theirs = [], []
    for number in range(24):
        ours.append(fogged(plain, 1.0, np.random.default_rng([0, number]), (intensity, intensity))[..., 0])
        library.set_random_state(np.random.default_rng([1, number]), random.Random(number))
        theirs.append(library(image=plain)["image"][..., 0])
    for name, part in PARTS.items():
        means = [np.array([part(fog.astype(np.float64) - value) for fog in fogs]) for fogs in (ours, theirs)]
        # The library rounds after each of some hundred circles: that is worth 5 % here and there.
        assert errors_apart(*means) < 4 or means[0].mean() == pytest.approx(means[1].mean(), rel=0.05), name


def test_fog_of_no_opacity_only_blurs() -> None:
    plain = np.full((64, 96, 3), 77, np.uint8)
    assert (fogged(plain, 0.0, np.random.default_rng(0)) == 77).all()


def test_fields_do_not_depend_on_what_was_drawn_before() -> None:
    first = elastic.maps(48, 80, 1.0, np.random.default_rng(3))
    elastic.maps(64, 64, 1.0, np.random.default_rng(4))
    again = elastic.maps(48, 80, 1.0, np.random.default_rng(3))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize(
    ("name", "library_name", "parameters"),
    [
        (
            "hue_saturation_value",
            "HueSaturationValue",
            {"hue_shift_limit": (-20, 20), "sat_shift_limit": (-30, 30), "val_shift_limit": (-20, 20)},
        ),
        ("grid_distortion", "GridDistortion", {"num_steps": 5, "distort_limit": (-0.3, 0.3), "border_mode": 4}),
    ],
)
def test_shortcuts_give_what_the_library_gives(name: str, library_name: str, parameters: dict[str, Any]) -> None:
    import albumentations

    image = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    image[:10] = image[:10, :, :1]  # grey
    mask = np.random.default_rng(1).choice(np.array([0, 1, 255], np.uint8), (60, 90))
    step = BUILDERS[name](60, 90, 1.0)
    library = getattr(albumentations, library_name)(**parameters, p=1)
    for number in range(20):
        stream = np.random.default_rng(number)
        library.set_random_state(stream, random.Random(int(stream.integers(2**63))))
        theirs = library(image=image, mask=mask)
        new_image, new_mask = step(image, mask, np.random.default_rng(number))
        assert np.array_equal(new_image, theirs["image"])
        assert np.array_equal(new_mask, theirs["mask"])
