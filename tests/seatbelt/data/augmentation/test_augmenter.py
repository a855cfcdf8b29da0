import itertools
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt.config.augmentation import TRANSFORMS, AugmentationConfig
from seatbelt.data.augmentation.augmenter import Augmenter
from seatbelt.data.augmentation.steps import Pixels

HEIGHT, WIDTH = 48, 80
LABELS = (0, 1, 7, 255)
LIBRARY_NAMES = (
    "RandomCrop",
    "CoarseDropout",
    "Affine",
    "Solarize",
    "RandomBrightnessContrast",
    "GridDistortion",
    "HueSaturationValue",
)
GEOMETRIC = ("random_rotate90", "random_crop", "shift_scale_rotate", "elastic_transform", "grid_distortion")
PHOTOMETRIC = tuple(name for name in TRANSFORMS if name not in GEOMETRIC)


def augmenter(*names: str, probability: float = 1.0) -> Augmenter:
    return Augmenter(AugmentationConfig(transforms=names, probability=probability), HEIGHT, WIDTH)


def sample(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> tuple[Pixels, Pixels]:
    """A smooth coloured image, and a mask of rectangles with all of LABELS."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 10, 3), dtype=np.uint8)
    image = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[height // 4 : height // 2, width // 4 :] = 1
    mask[height // 2 :, : width // 3] = 7
    mask[: height // 8] = 255
    return image, mask


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transform_changes_the_image_and_keeps_the_contract(name: str) -> None:
    image, mask = sample()
    originals = image.copy(), mask.copy()
    for array in (image, mask):
        array.flags.writeable = False  # like the arrays of the decoded cache
    changed = 0
    for index in range(8):
        new_image, new_mask = augmenter(name)(image, mask, seed=1, epoch=2, index=index)
        assert new_image.shape == (HEIGHT, WIDTH, 3) and new_image.dtype == np.uint8
        assert new_mask.shape == (HEIGHT, WIDTH) and new_mask.dtype == np.uint8
        assert set(np.unique(new_mask)) <= set(LABELS)
        assert new_image.flags.c_contiguous and new_mask.flags.c_contiguous
        changed += not np.array_equal(new_image, image)
        if name in PHOTOMETRIC:
            assert np.array_equal(new_mask, mask)
    assert changed >= 4  # a rotation by 90 degrees is none in a quarter of the cases
    assert np.array_equal(image, originals[0]) and np.array_equal(mask, originals[1])


@pytest.mark.parametrize("name", GEOMETRIC)
def test_image_and_mask_move_together(name: str) -> None:
    # The image is a picture of the mask: after the transform it must still be one, up to the blurred edges.
    mask = sample()[1]
    mask[mask > 1] = 0
    image = np.repeat((255 * mask)[..., None], 3, axis=2)
    for index in range(6):
        new_image, new_mask = augmenter(name)(image, mask, seed=3, epoch=1, index=index)
        differing = (new_image[..., 0] > 127) != (new_mask == 1)
        assert differing.mean() < 0.03
        assert new_mask.any()


@pytest.mark.parametrize("name", GEOMETRIC)
def test_what_comes_from_outside_is_a_mirror_image_and_no_background(name: str) -> None:
    image = np.full((HEIGHT, WIDTH, 3), 200, dtype=np.uint8)
    mask = np.full((HEIGHT, WIDTH), 7, dtype=np.uint8)
    for index in range(6):
        new_image, new_mask = augmenter(name)(image, mask, seed=0, epoch=0, index=index)
        assert (new_image == 200).all()
        assert (new_mask == 7).all()


def test_without_transforms_nothing_changes() -> None:
    image, mask = sample()
    new_image, new_mask = augmenter()(image, mask, seed=0, epoch=1, index=2)
    assert np.array_equal(new_image, image) and np.array_equal(new_mask, mask)
    assert new_image is not image and new_mask is not mask
    assert augmenter(*TRANSFORMS, probability=0.0).applied(seed=0, epoch=1, index=2) == ()


def test_other_sizes_are_brought_to_the_training_size() -> None:
    image, mask = sample(height=100, width=90)
    new_image, new_mask = augmenter()(image, mask, seed=0, epoch=1, index=2)
    assert new_image.shape == (HEIGHT, WIDTH, 3) and new_mask.shape == (HEIGHT, WIDTH)
    assert set(np.unique(new_mask)) == set(LABELS)


@settings(max_examples=25, deadline=None)
@given(
    names=st.sets(st.sampled_from(TRANSFORMS)),
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 100),
    index=st.integers(0, 10_000),
)
def test_every_subset_is_the_chain_of_its_members(names: set[str], seed: int, epoch: int, index: int) -> None:
    """Each transform draws the same whether others are on or off: the whole is its parts in their order."""
    ordered = [name for name in TRANSFORMS if name in names]
    image, mask = sample()
    whole = augmenter(*ordered, probability=0.7)
    result = whole(image, mask, seed=seed, epoch=epoch, index=index)
    chained, applied = (image, mask), list[str]()
    for name in ordered:
        single = augmenter(name, probability=0.7)
        chained = single(*chained, seed=seed, epoch=epoch, index=index)
        applied += single.applied(seed=seed, epoch=epoch, index=index)
    assert np.array_equal(result[0], chained[0]) and np.array_equal(result[1], chained[1])
    assert whole.applied(seed=seed, epoch=epoch, index=index) == tuple(applied)
    assert result[0].shape == (HEIGHT, WIDTH, 3)


def test_results_depend_on_the_arguments_alone() -> None:
    image, mask = sample()
    first = augmenter(*TRANSFORMS, probability=0.5)
    forward = [first(image, mask, seed=5, epoch=1, index=i)[0] for i in range(6)]
    second = pickle.loads(pickle.dumps(first))  # loader workers receive a pickled copy
    backward = [second(image, mask, seed=5, epoch=1, index=i)[0] for i in reversed(range(6))]
    for one, other in zip(forward, reversed(backward), strict=True):
        assert np.array_equal(one, other)


def test_global_random_state_is_neither_used_nor_changed() -> None:
    image, mask = sample()
    np.random.seed(0)
    before = np.random.get_state(legacy=False)["state"]["key"].copy()
    first = augmenter(*TRANSFORMS)(image, mask, seed=1, epoch=1, index=1)[0]
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], before)
    np.random.seed(99)
    assert np.array_equal(augmenter(*TRANSFORMS)(image, mask, seed=1, epoch=1, index=1)[0], first)


@pytest.mark.parametrize("change", [{"seed": 2}, {"epoch": 2}, {"index": 2}])
def test_every_part_of_the_key_counts(change: dict[str, int]) -> None:
    image, mask = sample()
    key = {"seed": 1, "epoch": 1, "index": 1}
    affine = augmenter("shift_scale_rotate")
    assert not np.array_equal(affine(image, mask, **key)[0], affine(image, mask, **{**key, **change})[0])


def decisions(count: int, probability: float = 0.5) -> npt.NDArray[np.bool_]:
    """Which of the ten are applied to `count` samples, spread over 4 seeds and 5 epochs: (count, 10)."""
    chosen = augmenter(*TRANSFORMS, probability=probability)
    keys = itertools.product(range(4), range(1, 6), range(count // 20))
    applied = [chosen.applied(seed=seed, epoch=epoch, index=index) for seed, epoch, index in keys]
    return np.array([[name in names for name in TRANSFORMS] for names in applied])


def test_decisions_of_different_transforms_are_uncorrelated() -> None:
    table = decisions(2000)
    assert table.shape == (2000, 10)
    correlation = np.corrcoef(table.T)
    assert np.abs(correlation - np.eye(10)).max() < 0.1
    assert np.abs(table.mean(axis=0) - 0.5).max() < 0.05


def test_decisions_of_neighbouring_samples_and_epochs_are_uncorrelated() -> None:
    chosen = augmenter("solarize", probability=0.5)
    first, second = (
        np.array([bool(chosen.applied(seed=0, epoch=epoch, index=index)) for index in range(2001)]) for epoch in (1, 2)
    )
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.1
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1


def test_the_probability_is_the_share() -> None:
    assert decisions(500, probability=0.2).mean() == pytest.approx(0.2, abs=0.02)
    # A higher probability only adds transforms: what was applied before stays applied.
    assert (decisions(200, probability=0.2) <= decisions(200, probability=0.6)).all()


def test_strengths_of_different_transforms_are_uncorrelated() -> None:
    # How far brightness moves a grey image, and how far hue moves a coloured one.
    grey = np.full((HEIGHT, WIDTH, 3), 128, dtype=np.uint8)
    coloured = np.full((HEIGHT, WIDTH, 3), (200, 60, 60), dtype=np.uint8)
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    bright, hue = augmenter("random_brightness_contrast"), augmenter("hue_saturation_value")
    moved = [
        (
            float(bright(grey, mask, seed=0, epoch=1, index=index)[0].mean()),
            float(np.asarray(hue(coloured, mask, seed=0, epoch=1, index=index)[0])[0, 0].astype(float) @ (0, 1, -1)),
        )
        for index in range(400)
    ]
    assert abs(np.corrcoef(np.array(moved).T)[0, 1]) < 0.15


# What each transform is said to do


def test_rotations_are_by_multiples_of_90_degrees() -> None:
    square = Augmenter(AugmentationConfig(transforms=("random_rotate90",), probability=1.0), 64, 64)
    image, mask = sample(height=64, width=64)
    seen = set()
    for index in range(40):
        new_image, new_mask = square(image, mask, seed=0, epoch=1, index=index)
        (turns,) = [k for k in range(4) if np.array_equal(np.rot90(image, k), new_image)]
        assert np.array_equal(np.rot90(mask, turns), new_mask)
        seen.add(turns)
    assert seen == {0, 1, 2, 3}


def test_cutout_blackens_up_to_eight_squares_and_leaves_the_mask() -> None:
    image = np.full((HEIGHT, WIDTH, 3), 200, dtype=np.uint8)
    mask = sample()[1]
    new_image, new_mask = augmenter("cutout")(image, mask, seed=0, epoch=1, index=0)
    black = int((new_image == 0).all(axis=2).sum())
    side = HEIGHT // 10
    assert side**2 < black <= 8 * side**2
    assert set(np.unique(new_image)) == {0, 200}
    assert np.array_equal(new_mask, mask)


def test_solarize_inverts_the_upper_half() -> None:
    image, mask = sample()
    expected = np.where(image >= 128, 255 - image, image)
    assert np.array_equal(augmenter("solarize")(image, mask, seed=0, epoch=1, index=0)[0], expected)


def test_crops_show_two_thirds_of_the_area() -> None:
    # A ramp from left to right: after the crop it spans 0.8 of its range.
    ramp = np.repeat(np.linspace(0, 250, WIDTH).astype(np.uint8)[None, :, None], HEIGHT, axis=0).repeat(3, axis=2)
    new_image, _ = augmenter("random_crop")(ramp, sample()[1], seed=0, epoch=1, index=0)
    spans = new_image[:, -1, 0].astype(int) - new_image[:, 0, 0]
    assert np.abs(spans - 0.8 * 250).max() < 8


# Boundaries


def test_every_transform_is_built_strictly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Built strictly, albumentations refuses unknown arguments; otherwise it only warns of them."""
    augmenter("solarize")  # imports albumentations as the product does
    import albumentations

    seen: dict[str, dict[str, Any]] = {}

    def recording(name: str) -> Callable[..., Any]:
        original = getattr(albumentations, name)

        def build(**arguments: Any) -> Any:
            seen[name] = arguments
            with pytest.raises((ValueError, TypeError), match="alpha_affine"):
                original(**arguments, alpha_affine=3)
            return original(**arguments)

        return build

    for name in LIBRARY_NAMES:
        monkeypatch.setattr(albumentations, name, recording(name))
    augmenter(*TRANSFORMS)
    assert tuple(seen) == LIBRARY_NAMES
    assert {arguments["p"] for arguments in seen.values()} == {1}


@pytest.mark.slow
@pytest.mark.parametrize("size", [(32, 32), pytest.param((32, 4096), marks=pytest.mark.long)])
def test_the_smallest_and_longest_sizes_work(size: tuple[int, int]) -> None:
    height, width = size
    every = Augmenter(AugmentationConfig(probability=1.0), height, width)
    image, mask = sample(height=height, width=width)
    new_image, new_mask = every(image, mask, seed=0, epoch=1, index=0)
    assert new_image.shape == (height, width, 3) and new_mask.shape == (height, width)


def test_wrong_arrays_are_refused() -> None:
    image, mask = sample()
    with pytest.raises(AssertionError, match=r"image\.dtype"):
        augmenter()(image.astype(np.float32), mask, seed=0, epoch=1, index=0)
    with pytest.raises(AssertionError, match=r"mask\.shape"):
        augmenter()(image, mask[:-1], seed=0, epoch=1, index=0)


@pytest.mark.slow
def test_albumentations_is_imported_only_when_needed() -> None:
    program = (
        "import sys, seatbelt.data.augmentation.augmenter as a\n"
        "from seatbelt.config.augmentation import AugmentationConfig as C\n"
        "a.Augmenter(C(transforms=()), 64, 64); assert not {'albumentations', 'torch'} & set(sys.modules)\n"
        "a.Augmenter(C(transforms=('solarize',)), 64, 64); assert 'albumentations' in sys.modules\n"
        "import os; assert os.environ['NO_ALBUMENTATIONS_UPDATE'] == '1'"
    )
    result = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
