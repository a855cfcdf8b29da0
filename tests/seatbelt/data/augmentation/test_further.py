"""Transforms that the thesis lacks: what each does to image and mask, and the streams of everything together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt.config.augmentation import FURTHER_TRANSFORMS, NAMED_TRANSFORMS, TRANSFORMS, AugmentationConfig
from seatbelt.data.augmentation.augmenter import Augmenter
from seatbelt.data.augmentation.colour import clothes_table
from seatbelt.data.augmentation.registry import APPLICATION_ORDER, describe_transforms
from seatbelt.data.augmentation.steps import Pixels, Supplement
from tests.seatbelt.data.augmentation.test_golden_pixels import HEIGHT, WIDTH, sample

LIBRARY = ("HorizontalFlip", "MotionBlur", "RandomGamma", "Rotate")
CAMERA = ("gaussian_blur", "motion_blur", "gauss_noise", "jpeg_compression", "sun_glare")
CLOTHES: Pixels = (sample(0)[1] == 2).astype(np.uint8)


def donor(stream: np.random.Generator) -> tuple[Pixels, Pixels]:
    return sample(100 + int(stream.integers(5)))


SUPPLEMENT = Supplement(clothes=CLOTHES, donor=donor)


def augment(config: dict[str, Any], image: Pixels, mask: Pixels, index: int = 0, **key: int) -> tuple[Pixels, Pixels]:
    instance = Augmenter(AugmentationConfig(**{"probability": 1.0, **config}), HEIGHT, WIDTH)
    return instance(image, mask, **{"seed": 0, "epoch": 1, **key}, index=index, supplement=SUPPLEMENT)


def unbelted() -> tuple[Pixels, Pixels]:
    image, mask = sample(0)
    return image, np.where(mask == 1, np.uint8(0), mask)


def test_the_order_of_application_holds_every_named_transform_once_and_the_ten_in_their_order() -> None:
    assert sorted(APPLICATION_ORDER) == sorted(NAMED_TRANSFORMS)
    assert tuple(name for name in APPLICATION_ORDER if name in TRANSFORMS) == TRANSFORMS
    assert all(text.endswith(".") for _, _, text in describe_transforms())


@settings(max_examples=20, deadline=None)
@given(
    names=st.sets(st.sampled_from(NAMED_TRANSFORMS)),
    library=st.sets(st.sampled_from(LIBRARY)),
    belted=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 100),
    index=st.integers(0, 10_000),
)
def test_every_subset_of_everything_is_the_chain_of_its_members(
    names: set[str], library: set[str], belted: bool, seed: int, epoch: int, index: int
) -> None:
    """Each transform draws the same whether others are on or off."""

    def build(names: set[str], library: set[str]) -> Augmenter:
        chosen: dict[str, dict[str, Any]] = {name: {} for name in library}
        return Augmenter(AugmentationConfig(transforms=names, library=chosen, probability=0.7), HEIGHT, WIDTH)

    key = {"seed": seed, "epoch": epoch, "index": index}
    image, mask = sample(0) if belted else unbelted()
    whole = build(names, library)
    result = whole(image, mask, **key, supplement=SUPPLEMENT)
    singles = [build({name}, set()) for name in APPLICATION_ORDER if name in names]
    singles += [build(set(), {name}) for name in sorted(library)]
    chained, applied = (image, mask), list[str]()
    for single in singles:
        chained = single(*chained, **key, supplement=SUPPLEMENT)
        applied += single.applied(**key)
    assert np.array_equal(result[0], chained[0]) and np.array_equal(result[1], chained[1])
    assert whole.applied(**key) == tuple(applied)
    assert set(np.unique(result[1])) <= {0, 1, 2, 255}


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment"])
def test_further_transforms_join_the_pool_of_a_policy(policy: str) -> None:
    pool = AugmentationConfig(transforms=FURTHER_TRANSFORMS, library={"Blur": {}}, policy=policy, operations=3)
    instance = Augmenter(pool, HEIGHT, WIDTH)
    choices = [instance.applied(seed=0, epoch=1, index=index) for index in range(300)]
    assert {len(names) for names in choices} == {3 if policy == "randaugment" else 1}
    assert {name for names in choices for name in names} == {*FURTHER_TRANSFORMS, "transform.Blur"}


@pytest.mark.parametrize("name", FURTHER_TRANSFORMS)
def test_each_keeps_the_contract_and_strength_0_changes_nothing(name: str) -> None:
    image, mask = unbelted() if name == "copy_paste" else sample(0)
    for array in (image, mask):
        array.flags.writeable = False  # like the arrays of the decoded cache
    same = augment({"transforms": (name,), "strength": 0}, image, mask)
    assert np.array_equal(same[0], image) and np.array_equal(same[1], mask)
    for strength in (0.5, 1, 2):
        new, labels = augment({"transforms": (name,), "strength": strength}, image, mask, index=3)
        assert new.shape == image.shape and new.dtype == np.uint8 and new.flags.c_contiguous
        assert strength < 1 or not np.array_equal(new, image)
        assert set(np.unique(labels)) <= {0, 1, 2, 255}
        if name in CAMERA or name.endswith("colour"):
            assert np.array_equal(labels, mask)


@pytest.mark.parametrize("name", [*CAMERA, "belt_colour", "clothes_colour"])
def test_twice_the_strength_changes_more(name: str) -> None:
    image, mask = sample(0)

    def change(strength: float) -> float:
        config = {"transforms": (name,), "strength": strength}
        return float(
            np.mean([np.abs(augment(config, image, mask, index)[0].astype(float) - image) for index in range(12)])
        )

    assert change(0.5) < change(1) < change(2)


@pytest.mark.parametrize(("name", "axis"), [("horizontal_flip", 1), ("vertical_flip", 0)])
def test_flips_mirror_image_and_mask(name: str, axis: int) -> None:
    image, mask = sample(0)
    new, labels = augment({"transforms": (name,)}, image, mask)
    assert np.array_equal(new, np.flip(image, axis)) and np.array_equal(labels, np.flip(mask, axis))


def test_motion_blur_keeps_the_brightness_and_smears_along_one_direction() -> None:
    dot = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    dot[20:24, 30:34] = 250
    new, _ = augment({"transforms": ("motion_blur",), "strength": 2}, dot, dot[..., 0], index=1)
    assert int(new.sum()) == pytest.approx(int(dot.sum()), rel=0.03)
    y, x = np.nonzero(new[..., 0] > 5)
    assert np.linalg.eigvalsh(np.cov(np.stack([x, y])))[1] > np.var([0, 1, 2, 3])


def test_sun_glare_only_brightens() -> None:
    image, mask = sample(0)
    new, _ = augment({"transforms": ("sun_glare",), "strength": 2}, image, mask)
    assert (new.astype(int) - image).min() >= -1
    assert new.mean() > image.mean() + 5


# Colours


def test_the_belt_and_the_clothes_are_coloured_apart_from_all_else() -> None:
    image, mask = sample(0)
    belt, _ = augment({"transforms": ("belt_colour",)}, image, mask)
    clothes, _ = augment({"transforms": ("clothes_colour",)}, image, mask)
    assert np.array_equal(belt[mask != 1], image[mask != 1])
    assert not np.array_equal(belt[mask == 1], image[mask == 1])
    assert np.array_equal(clothes[CLOTHES == 0], image[CLOTHES == 0])
    assert not np.array_equal(clothes[CLOTHES == 1], image[CLOTHES == 1])


def test_a_pasted_belt_on_clothes_does_not_get_their_colour() -> None:
    everywhere = Supplement(clothes=np.ones((HEIGHT, WIDTH), np.uint8), donor=donor)
    image, mask = unbelted()
    both, one = (
        Augmenter(AugmentationConfig(transforms=names, probability=1.0), HEIGHT, WIDTH)(
            image, mask, seed=0, epoch=1, index=0, supplement=everywhere
        )
        for names in (("copy_paste", "clothes_colour"), ("copy_paste",))
    )
    belt = one[1] == 1
    assert belt.any() and np.array_equal(both[0][belt], one[0][belt])
    assert not np.array_equal(both[0][~belt], one[0][~belt])


def test_clothes_are_classes_by_name_and_never_the_target() -> None:
    classes = {"background": 0, "seat_belt": 1, "shirt": 2, "skin": 3, "pants": 9}
    assert np.flatnonzero(clothes_table(classes, ("seat_belt",))).tolist() == [2, 9]
    assert np.flatnonzero(clothes_table(classes, ("shirt",))).tolist() == [9]


# Pasting


def test_a_belt_is_pasted_where_its_donor_has_it() -> None:
    image, mask = unbelted()
    new, labels = augment({"transforms": ("copy_paste",), "strength": 0.1}, image, mask)
    pasted, original = labels == 1, sample(0)[1] == 1
    assert (pasted & original).sum() / (pasted | original).sum() > 0.9
    assert (labels[mask == 255] == 255).all()
    far = np.abs(np.argwhere(np.ones_like(mask)) - (20, 30)).max(axis=1).reshape(mask.shape) > 18
    assert np.array_equal(new[far], image[far])
    candidates = [sample(100 + number)[0].astype(int) for number in range(5)]
    centre = (slice(16, 24), slice(26, 34))
    assert min(np.abs(new[centre] - candidate[centre]).mean() for candidate in candidates) < 4


def test_an_image_with_a_belt_or_without_a_donor_stays_as_it_is() -> None:
    image, mask = sample(0)
    assert np.array_equal(augment({"transforms": ("copy_paste",)}, image, mask)[0], image)
    alone = Augmenter(AugmentationConfig(transforms=("copy_paste", "clothes_colour"), probability=1.0), HEIGHT, WIDTH)
    image, mask = unbelted()
    assert np.array_equal(alone(image, mask, seed=0, epoch=1, index=0)[0], image)
