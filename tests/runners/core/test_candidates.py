"""Cells as rows, and climbing over them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from analysis.statistics.factorial import ScoreSurface
from runners.core import candidates
from runners.core.candidates import CandidateSpace, candidate_space
from search_spaces.axes import factor
from search_spaces.space import Exclusion, Space

SPACE = Space(
    factors=(factor("encoder", ["resnet18", "resnet34"]), factor("decoder", ["fpn", "unet", "linknet"])),
    exclusions=(Exclusion(reason="no", labels={"encoder": ("resnet34",), "decoder": ("unet",)}),),
)


def test_rows_are_cells_that_are_not_excluded() -> None:
    found = candidate_space(SPACE)
    assert found.listed is not None
    cells = [found.cell(tuple(row)) for row in found.listed.tolist()]
    assert len(cells) == 5
    assert {"encoder": "resnet34", "decoder": "unet"} not in cells
    assert all(found.row(cell) == tuple(row) for cell, row in zip(cells, found.listed.tolist(), strict=True))
    assert found.varies
    assert not candidate_space(Space(factors=(factor("encoder", ["resnet18"]),))).varies


def test_a_range_has_values_from_end_to_end_and_any_value_has_the_nearest_row() -> None:
    found = candidate_space(Space(factors=(factor("encoder_learning_rate", ["0.0001..0.01"]),)))
    values = [float(label) for label in found.labels[0]]
    assert (values[0], values[-1], len(values)) == (0.0001, 0.01, 25)
    assert values[12] == pytest.approx(0.001)
    assert found.row({"encoder_learning_rate": "0.00098"}) == (12,)


def surface_of(found: CandidateSpace, seed: int) -> ScoreSurface:
    random = np.random.default_rng(seed)
    count = sum(basis.width for basis in found.bases)
    owner = np.repeat(np.arange(len(found.bases)), [basis.width for basis in found.bases])
    pairs = random.normal(size=(count, count)) * (owner[:, None] != owner[None, :])
    return ScoreSurface(level=0.5, main=3 * random.normal(size=count), pairs=pairs + pairs.T, arms=np.zeros(0))


@pytest.mark.parametrize("seed", range(5))
def test_climbing_ends_where_no_single_change_is_better(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST_LISTED", 1)
    found = candidate_space(SPACE)
    assert found.listed is None
    surface = surface_of(found, seed)
    row, score = found.coordinate_ascent(surface, (0, 0), range(2), found.allowed)
    assert found.allowed(row)
    rows = [r for r in itertools.product(range(2), range(3)) if found.allowed(r)]
    scores = dict(zip(rows, surface.at(found.columns(rows)).tolist(), strict=True))
    assert score == pytest.approx(scores[row])
    neighbours = [r for r in rows if sum(a != b for a, b in zip(r, row, strict=True)) == 1]
    assert all(scores[r] <= score + 1e-12 for r in neighbours)
    fixed, _ = found.coordinate_ascent(surface, (0, 0), [1], found.allowed)
    assert fixed[0] == 0
