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
    choices = candidate_space(SPACE)
    assert choices.listed is not None
    cells = [choices.cell(tuple(row)) for row in choices.listed.tolist()]
    assert len(cells) == 5
    assert {"encoder": "resnet34", "decoder": "unet"} not in cells
    assert all(choices.row(cell) == tuple(row) for cell, row in zip(cells, choices.listed.tolist(), strict=True))
    assert choices.varies
    assert not candidate_space(Space(factors=(factor("encoder", ["resnet18"]),))).varies


def test_a_range_has_values_from_end_to_end_and_any_value_has_the_nearest_row() -> None:
    choices = candidate_space(Space(factors=(factor("encoder_learning_rate", ["0.0001..0.01"]),)))
    values = [float(label) for label in choices.labels[0]]
    assert (values[0], values[-1], len(values)) == (0.0001, 0.01, 25)
    assert values[12] == pytest.approx(0.001)
    assert choices.row({"encoder_learning_rate": "0.00098"}) == (12,)


def surface_of(choices: CandidateSpace, seed: int) -> ScoreSurface:
    random = np.random.default_rng(seed)
    count = sum(basis.width for basis in choices.bases)
    owner = np.repeat(np.arange(len(choices.bases)), [basis.width for basis in choices.bases])
    pairs = random.normal(size=(count, count)) * (owner[:, None] != owner[None, :])
    return ScoreSurface(level=0.5, main=3 * random.normal(size=count), pairs=pairs + pairs.T, arms=np.zeros(0))


@pytest.mark.parametrize("seed", range(5))
def test_climbing_ends_where_no_single_change_is_better(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST_LISTED", 1)
    choices = candidate_space(SPACE)
    assert choices.listed is None
    surface = surface_of(choices, seed)
    row, score = choices.coordinate_ascent(surface, (0, 0), range(2), choices.allowed)
    assert choices.allowed(row)
    rows = [r for r in itertools.product(range(2), range(3)) if choices.allowed(r)]
    scores = dict(zip(rows, surface.at(choices.columns(rows)).tolist(), strict=True))
    assert score == pytest.approx(scores[row])
    neighbours = [r for r in rows if sum(a != b for a, b in zip(r, row, strict=True)) == 1]
    assert all(scores[r] <= score + 1e-12 for r in neighbours)
    fixed, _ = choices.coordinate_ascent(surface, (0, 0), [1], choices.allowed)
    assert fixed[0] == 0
