from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seatbelt.data.scenes import GENERATIONS, LABELS, render
from seatbelt.data.scenes.objects.cabin import draw_interior
from seatbelt.data.scenes.objects.room import room_colours
from seatbelt.data.scenes.rendering import majority
from seatbelt.data.scenes.streams import Streams
from seatbelt.data.scenes.textures import scenery

SIZE: dict[str, Any] = {"width": 64, "height": 36}


@pytest.mark.parametrize("name", list(GENERATIONS))
def test_an_image_depends_on_generation_index_and_seed_alone(name: str) -> None:
    first = [render(GENERATIONS[name], index=i, seed=3, **SIZE) for i in (0, 1, 5)]
    again = [render(GENERATIONS[name], index=i, seed=3, **SIZE) for i in (5, 1, 0)][::-1]
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.mask, b.mask)
        assert (a.subject, a.facts) == (b.subject, b.facts)
    assert not np.array_equal(first[0].image, first[1].image)
    assert not np.array_equal(first[0].image, render(GENERATIONS[name], index=0, seed=4, **SIZE).image)


@pytest.mark.parametrize("name", list(GENERATIONS))
def test_pictures_have_their_shape_type_and_classes(name: str) -> None:
    scene = render(GENERATIONS[name], index=2, seed=0, width=50, height=42)
    assert scene.image.shape == (42, 50, 3)
    assert scene.mask.shape == (42, 50)
    assert scene.image.dtype == scene.mask.dtype == np.uint8
    assert scene.mask.max() < len(LABELS)
    assert scene.image.std() > 10


@pytest.mark.parametrize("name", ["1", "2", "5", "6", "camera"])
def test_worn_belts_cover_a_plausible_share(name: str) -> None:
    scenes = [render(GENERATIONS[name], index=i, seed=1, **SIZE) for i in range(10)]
    shares = [
        float((s.mask == LABELS["seat_belt"]).mean())
        for s in scenes
        if s.facts["belt_placement"] in ("correct", "off_shoulder")
    ]
    assert len(shares) > 3
    assert min(shares) > 0.004
    assert 0.012 < float(np.median(shares)) < 0.05
    assert max(shares) < 0.08


def test_without_a_belt_there_is_no_belt_in_the_mask() -> None:
    parameters = replace(GENERATIONS["6"], unbelted_share=1, stowed_belt_share=0)
    for index in range(6):
        assert LABELS["seat_belt"] not in render(parameters, index=index, seed=0, **SIZE).mask


def test_stowed_belts_are_annotated() -> None:
    parameters = replace(GENERATIONS["3"], empty_share=1, stowed_belt_share=1)
    for index in range(4):
        scene = render(parameters, index=index, seed=0, **SIZE)
        assert 0.001 < (scene.mask == LABELS["seat_belt"]).mean() < 0.03
        assert not np.isin(scene.mask, [LABELS[n] for n in ("shirt", "pants", "skin", "hair", "face")]).any()


def test_the_mask_can_be_left_to_the_belt() -> None:
    every = render(GENERATIONS["6"], index=0, seed=0, **SIZE)
    belt = render(replace(GENERATIONS["6"], labels="seat_belt"), index=0, seed=0, **SIZE)
    assert np.array_equal(every.image, belt.image)
    assert np.array_equal(belt.mask, np.where(every.mask == 1, 1, 0))


def test_the_sixth_generation_shows_all_labels() -> None:
    seen = set()
    for index in range(6):
        seen |= set(np.unique(render(GENERATIONS["6"], index=index, seed=0, width=160, height=90).mask).tolist())
    assert seen == set(LABELS.values())


def test_dummies_have_neither_hair_nor_face() -> None:
    for name in ("1", "5"):
        for index in range(3):
            mask = render(GENERATIONS[name], index=index, seed=0, **SIZE).mask
            assert not np.isin(mask, [LABELS["hair"], LABELS["face"]]).any()


def test_flying_belts_are_annotated() -> None:
    bare = replace(GENERATIONS["randomized"], empty_share=1, stowed_belt_share=0, distractors=0)
    for index in range(6):
        without = render(replace(bare, flying_belt_share=0), index=index, seed=0, **SIZE)
        flying = render(replace(bare, flying_belt_share=1), index=index, seed=0, **SIZE)
        belt = flying.mask == LABELS["seat_belt"]
        assert not without.mask.any()
        assert flying.facts["flying_belts"] > 0
        assert belt.sum() > 10
        # Where the belt flies the picture changes, and nowhere else.
        changed = (np.abs(flying.image.astype(int) - without.image) > 3).any(axis=2)
        assert not (changed & ~belt).any()
        assert changed.sum() > 0.7 * belt.sum()


def test_cut_out_pictures_show_no_cabin() -> None:
    occupant = {0, *(LABELS[name] for name in ("seat_belt", "shirt", "pants", "skin", "hair", "face"))}
    for index in range(5):
        assert set(np.unique(render(GENERATIONS["randomized"], index=index, seed=0, **SIZE).mask)) <= occupant


def test_large_pictures_and_views_without_a_window_can_be_rendered() -> None:
    """OpenCV can map neither more than 32,767 places in a row nor zero places."""
    large = render(GENERATIONS["5"], index=1, seed=0, width=640, height=360)
    assert (large.mask == LABELS["window"]).sum() > 32767
    inside = np.array([[0.5, 0.5], [0.935, 0.935], [0.0, 0.1]], dtype=np.float32)
    interior = draw_interior(GENERATIONS["1"], Streams(name="1", index=0, seed=0), (0.1, 0.1, 0.1))
    street = scenery(np.random.default_rng(0), clutter=True)
    roof = room_colours(inside, np.zeros(2, dtype=np.uint8), inside, interior, street, detail=False)
    assert np.allclose(roof.T, interior.roof)


def test_majority_takes_the_most_frequent_of_four() -> None:
    labels = np.array([[1, 2, 3, 3], [2, 2, 4, 4]], dtype=np.uint8)
    assert majority(labels).tolist() == [[2, 3]]


@pytest.mark.parametrize(
    ("index", "seed", "width", "message"),
    [(-1, 0, 96, "index and seed"), (0, -1, 96, "index and seed"), (0, 0, 8, "at least 16 pixels")],
)
def test_impossible_requests_are_refused(index: int, seed: int, width: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render(GENERATIONS["1"], index=index, seed=seed, width=width, height=54)
