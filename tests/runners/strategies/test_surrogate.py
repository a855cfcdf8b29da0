from __future__ import annotations

import numpy as np

from analysis.factorial.scales import expected_scales
from analysis.space_factor import SpaceFactor
from runners.choices import MOST_LISTED, Choices
from runners.strategies.surrogate import Seen, Surrogate, first_cells

FACTORS = [SpaceFactor(name=f"s{i}", levels=("off", "on")) for i in range(13)]
CHOICES = Choices.of(FACTORS, [factor.levels for factor in FACTORS], lambda cell: False)


def some_seen(count: int = 60, closed: set[tuple[int, ...]] | None = None) -> Seen:
    """Return trials of 13 switches, of which the first three are better on; all rows tried once."""
    rows = CHOICES.random(np.random.default_rng(0), count)
    scores = np.array([[0.5 + 0.05 * sum(row[:3])] for row in rows])
    return Seen(
        choices=CHOICES,
        epochs=(9,),
        cells=[CHOICES.cell(row) for row in rows],
        scores=scores,
        replicates=[0] * count,
        rows=rows,
        tried=rows,
        closed=closed or set(),
    )


def test_a_closed_maximum_gives_way_to_its_neighbour() -> None:
    assert CHOICES.listed is None and 2**13 > MOST_LISTED
    best = Surrogate.of(some_seen(), expected_scales(13, (9,))).best()
    surrogate = Surrogate.of(some_seen(closed={best}), expected_scales(13, (9,)))
    assert best[:3] == (1, 1, 1)
    for seed in range(10):
        found = surrogate.suggest(np.random.default_rng(seed), probes=False)
        assert found is not None and found.row != best


def test_nothing_is_suggested_when_all_is_closed() -> None:
    everything = {tuple(int(x) for x in f"{number:013b}") for number in range(2**13)}
    surrogate = Surrogate.of(some_seen(closed=everything), expected_scales(13, (9,)))
    assert surrogate.suggest(np.random.default_rng(0), probes=False) is None


def test_the_start_is_balanced_and_as_long_as_was_asked_for() -> None:
    random = np.random.default_rng(0)
    rows: list[tuple[int, ...]] = []
    while (found := first_cells(some_start(rows), random, 8)) is not None:
        rows.append(found.row)
    assert len(set(rows)) == 8
    assert np.abs(np.array(rows).mean(axis=0) - 0.5).max() <= 0.25


def some_start(rows: list[tuple[int, ...]]) -> Seen:
    return Seen(
        choices=CHOICES, epochs=(9,), cells=[], scores=np.empty((0, 1)), replicates=[], rows=[], tried=list(rows)
    )


def test_a_number_that_is_not_proposed_has_the_row_of_the_nearest() -> None:
    factor = SpaceFactor(name="rate", levels=(), low=0.001, high=1.0, log=True)
    choices = Choices.of([factor], [("0.001", "0.01", "0.1", "1")], lambda cell: False)
    assert [choices.row({"rate": x}) for x in ("0.1", "0.004", "0.02", "0.02")] == [(2,), (1,), (1,), (1,)]
