"""Policies, strengths and single transforms' own values."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from seatbelt.config.augmentation import TRANSFORMS, AugmentationConfig
from seatbelt.data.augmentation.augmenter import Augmenter
from seatbelt.data.augmentation.steps import Pixels
from seatbelt.data.augmentation.transforms import BUILDERS

HEIGHT, WIDTH = 50, 80


def augmenter(**fields: Any) -> Augmenter:
    return Augmenter(AugmentationConfig(**fields), HEIGHT, WIDTH)


def chosen(instance: Augmenter, count: int) -> list[tuple[str, ...]]:
    keys = itertools.product(range(2), range(1, 3), range(count // 4))
    return [instance.applied(seed=seed, epoch=epoch, index=index) for seed, epoch, index in keys]


def ramp() -> tuple[Pixels, Pixels]:
    """Grey values 0 to 255, and a mask."""
    image = np.resize(np.arange(256, dtype=np.uint8), (HEIGHT, WIDTH))[..., None].repeat(3, axis=2)
    return np.ascontiguousarray(image), np.resize(np.array([0, 1, 255], np.uint8), (HEIGHT, WIDTH))


def test_registry_and_configuration_name_the_same_ten_in_one_order() -> None:
    assert tuple(BUILDERS) == TRANSFORMS


# Which transforms an image gets


@pytest.mark.slow
@pytest.mark.parametrize("operations", [1, 2, 5])
def test_randaugment_applies_the_number_of_different_transforms(operations: int) -> None:
    choices = chosen(augmenter(policy="randaugment", operations=operations), 2000)
    assert {len(set(names)) for names in choices} == {len(names) for names in choices} == {operations}
    shares = [sum(name in names for names in choices) / 2000 for name in TRANSFORMS]
    assert shares == pytest.approx([operations / 10] * 10, abs=0.045)
    assert all(list(names) == sorted(names, key=TRANSFORMS.index) for names in choices)


def test_more_operations_than_transforms_are_all_of_them() -> None:
    few = augmenter(transforms=("cutout", "solarize"), policy="randaugment", operations=5)
    assert set(chosen(few, 20)) == {("cutout", "solarize")}


def test_trivialaugment_applies_one() -> None:
    choices = chosen(augmenter(policy="trivialaugment"), 2000)
    assert {len(names) for names in choices} == {1}
    assert [choices.count((name,)) / 2000 for name in TRANSFORMS] == pytest.approx([0.1] * 10, abs=0.03)


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment"])
def test_a_policy_over_no_transform_changes_nothing(policy: str) -> None:
    image, mask = ramp()
    none = augmenter(transforms=(), policy=policy)
    assert none.applied(seed=0, epoch=1, index=0) == ()
    assert np.array_equal(none(image, mask, seed=0, epoch=1, index=0)[0], image)


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment"])
def test_switching_one_off_only_lets_another_in(policy: str) -> None:
    every = chosen(augmenter(policy=policy, operations=3), 200)
    fewer = chosen(augmenter(policy=policy, operations=3, transforms=set(TRANSFORMS) - {"cutout"}), 200)
    for with_it, without in zip(every, fewer, strict=True):
        assert set(with_it) - {"cutout"} <= set(without)
        assert "cutout" in with_it or with_it == without


def test_policies_do_not_look_at_probabilities() -> None:
    one = augmenter(policy="randaugment", probability=0.0, probabilities={"cutout": 0.0})
    assert chosen(one, 100) == chosen(augmenter(policy="randaugment"), 100)


def test_a_transform_may_have_a_separate_probability() -> None:
    choices = chosen(augmenter(probability=0.0, probabilities={"cutout": 1.0, "solarize": 0.25}), 1000)
    assert all("cutout" in names and set(names) <= {"cutout", "solarize"} for names in choices)
    assert sum("solarize" in names for names in choices) / 1000 == pytest.approx(0.25, abs=0.06)


# How strongly


def threshold(instance: Augmenter, index: int = 0) -> int:
    """Return the least value that solarize inverts; 256 if none."""
    image, mask = ramp()
    changed = instance(image, mask, seed=0, epoch=1, index=index)[0] != image
    return int(image[changed].min()) if changed.any() else 256


@pytest.mark.parametrize(("strength", "least"), [(0.0, 256), (0.5, 192), (1.0, 128), (1.5, 64), (2.0, 0)])
def test_solarize_inverts_from_1_minus_half_the_strength(strength: float, least: int) -> None:
    assert threshold(augmenter(transforms=("solarize",), probability=1, strength=strength)) == least
    single = {"solarize": strength}
    assert threshold(augmenter(transforms=("solarize",), probability=1, strength=0.7, strengths=single)) == least


def test_trivialaugment_draws_31_strengths_alike() -> None:
    instance = augmenter(transforms=("solarize",), policy="trivialaugment", strength=2.0)
    seen = np.array([threshold(instance, index) for index in range(620)])
    # Strength 2 k/30 inverts from 255 (1 - k/30); k = 0 changes nothing.
    drawn = np.where(seen == 256, 0, np.rint(30 * (1 - (seen - 0.5) / 255))).astype(int)
    assert set(drawn.tolist()) == set(range(31))
    assert drawn.mean() == pytest.approx(15, abs=1.2)
    assert np.bincount(drawn).max() < 45


def test_randaugment_has_one_strength() -> None:
    instance = augmenter(transforms=("solarize",), policy="randaugment", strength=0.5)
    assert {threshold(instance, index) for index in range(20)} == {192}


@pytest.mark.parametrize(("strength", "side"), [(0.5, 2), (1.0, 5), (2.0, 10)])
def test_cutout_scales_the_sides_of_its_squares(strength: float, side: int) -> None:
    white = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    cutout = augmenter(transforms=("cutout",), probability=1, strength=strength)
    most = max(
        int((cutout(white, white[..., 0], seed=0, epoch=1, index=index)[0] == 0).sum()) // 3 for index in range(30)
    )
    assert 6 * side**2 < most <= 8 * side**2


@pytest.mark.parametrize(("strength", "share"), [(0.5, 0.9), (1.0, 0.8), (2.0, 0.6)])
def test_crops_keep_less_the_stronger(strength: float, share: float) -> None:
    grey = np.linspace(0, 250, WIDTH).astype(np.uint8)
    image = np.ascontiguousarray(np.broadcast_to(grey[None, :, None], (HEIGHT, WIDTH, 3)))
    crop = augmenter(transforms=("random_crop",), probability=1, strength=strength)
    new, _ = crop(image, image[..., 0].copy(), seed=0, epoch=1, index=0)
    assert int(new[0, -1, 0]) - int(new[0, 0, 0]) == pytest.approx(share * 250, abs=8)


@pytest.mark.parametrize(
    "name", ["shift_scale_rotate", "random_brightness_contrast", "elastic_transform", "random_fog", "grid_distortion"]
)
def test_twice_the_strength_changes_more(name: str) -> None:
    image, mask = ramp()
    image = np.ascontiguousarray(np.broadcast_to(image[:1], image.shape))  # smooth but for one step

    def change(strength: float) -> float:
        instance = augmenter(transforms=(name,), probability=1, strength=strength)
        pairs = [instance(image, mask, seed=0, epoch=1, index=index)[0].astype(float) - image for index in range(30)]
        return float(np.mean(np.abs(pairs)))

    assert change(0.3) < 0.75 * change(1.0)
    assert change(1.0) < 0.9 * change(2.0)


def test_hue_shifts_scale() -> None:
    red = np.full((HEIGHT, WIDTH, 3), (200, 60, 60), np.uint8)

    def largest(strength: float) -> int:
        hue = augmenter(transforms=("hue_saturation_value",), probability=1, strength=strength)
        results = [hue(red, red[..., 0], seed=0, epoch=1, index=index)[0][0, 0].astype(int) for index in range(60)]
        return max(abs(int(green) - int(blue)) for _, green, blue in results)

    # 20 of 180 steps of hue are two thirds of the way from red to yellow or magenta: of 140 between the channels.
    assert 75 < largest(1.0) < 125
    assert largest(0.5) < 0.62 * largest(1.0)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_strength_0_changes_nothing_and_2_works(name: str) -> None:
    image, mask = ramp()
    weakest, strongest = (augmenter(transforms=(name,), probability=1, strength=s) for s in (0, 2))
    same = weakest(image, mask, seed=0, epoch=1, index=0)
    assert np.array_equal(same[0], image) and np.array_equal(same[1], mask)
    assert same[0] is not image and same[1] is not mask
    for index in range(4):
        new = strongest(image, mask, seed=0, epoch=1, index=index)
        assert new[0].shape == image.shape and set(np.unique(new[1])) <= {0, 1, 255}


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment"])
def test_results_do_not_depend_on_what_came_before(policy: str) -> None:
    image, mask = ramp()
    first, second = (augmenter(policy=policy) for _ in range(2))
    forward = [first(image, mask, seed=2, epoch=3, index=i)[0] for i in range(20)]
    backward = [second(image, mask, seed=2, epoch=3, index=i)[0] for i in reversed(range(20))]
    assert all(np.array_equal(a, b) for a, b in zip(forward, reversed(backward), strict=True))
