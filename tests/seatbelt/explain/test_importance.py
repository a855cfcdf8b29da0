from __future__ import annotations

import numpy as np
import pytest

from seatbelt.explain.importance import Share, near_radius, regions, shares


def test_regions_are_target_near_and_elsewhere() -> None:
    target = np.zeros((4, 6), bool)
    target[1, 1] = True
    valid = np.ones((4, 6), bool)
    valid[3] = False
    assert regions(target, valid, 1).tolist() == [
        [2, 1, 2, 2, 2, 2],
        [1, 0, 1, 2, 2, 2],
        [2, 1, 2, 2, 2, 2],
        [255] * 6,
    ]
    # The corners of a square of 3 are at a distance of 1.41.
    assert np.count_nonzero(regions(target, valid, 2) == 1) == 8 + 1, "and one pixel at a distance of 2"
    assert not (regions(np.zeros((4, 6), bool), valid, 9) < 2).any(), "nothing is near nothing"


def test_an_ignored_target_has_no_surroundings() -> None:
    target = np.eye(3, dtype=bool)
    assert regions(target, ~target, 1).tolist() == [[255, 2, 2], [2, 255, 2], [2, 2, 255]]


def test_shares_match_those_by_hand() -> None:
    of_pixel = np.asarray([[0, 1, 2, 2, 255]], np.uint8)
    importance = np.asarray([[6.0, 1.0, 3.0, 2.0, 100.0]])
    assert shares(importance, of_pixel) == (
        Share(region="target", area=0.25, importance=0.5, concentration=2.0),
        Share(region="near", area=0.25, importance=1 / 12, concentration=1 / 3),
        Share(region="elsewhere", area=0.5, importance=5 / 12, concentration=5 / 6),
    )


def test_without_importance_or_target_there_is_no_share() -> None:
    nothing = shares(np.zeros((1, 2)), np.asarray([[0, 2]], np.uint8))
    assert [(s.area, s.importance, s.concentration) for s in nothing] == [
        (0.5, None, None),
        (0, None, None),
        (0.5, None, None),
    ]
    no_target = shares(np.ones((1, 2)), np.asarray([[2, 2]], np.uint8))
    assert [(s.area, s.importance, s.concentration) for s in no_target] == [(0, 0, None), (0, 0, None), (1, 1, 1)]
    ignored = shares(np.ones((1, 2)), np.asarray([[255, 255]], np.uint8))
    assert [(s.area, s.importance) for s in ignored] == [(0, None)] * 3


@pytest.mark.parametrize(("size", "radius"), [((480, 848), 8), ((848, 480), 8), ((240, 424), 4), ((64, 112), 1)])
def test_near_depends_on_the_size(size: tuple[int, int], radius: int) -> None:
    assert near_radius(*size) == radius
    assert near_radius(8, 8) == 1
