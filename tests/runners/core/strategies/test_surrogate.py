"""The factorial surrogate on small spaces whose best cell is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from analysis.statistics.factorial.scales import expected_scales
from runners.core import candidates
from runners.core.candidates import Row, candidate_space
from runners.core.strategies.observations import Observations, estimate_scales, packed, unpacked
from runners.core.strategies.surrogate import START, Surrogate, first_cells
from search_spaces.axes import factor
from search_spaces.space import Space
from seatbelt.config.augmentation import TRANSFORMS

SPACE = Space(factors=(factor("encoder"), factor("decoder"), *(factor(name) for name in TRANSFORMS[:2])))
CHOICES = candidate_space(SPACE)
BEST = (2, 1, 0, 1)
EPOCHS = (3, 9)


def quality(row: Row) -> float:
    """Return a score that falls with each level that differs from the best cell."""
    return 0.6 - 0.03 * sum(a != b for a, b in zip(row, BEST, strict=True))


def seen(count: int, *, seed: int = 0, noise: float = 0.004, **more: object) -> Observations:
    random = np.random.default_rng(seed)
    rows = CHOICES.random(random, count)
    end = np.array([quality(row) for row in rows]) + random.normal(0, noise, count)
    scores = np.stack([end - 0.1 + random.normal(0, noise, count), end], axis=1)
    scores[scores[:, 0] < np.quantile(scores[:, 0], 0.4), 1] = np.nan
    return Observations(
        space=CHOICES,
        epochs=EPOCHS,
        cells=[CHOICES.cell(row) for row in rows],
        scores=scores,
        replicates=[0] * count,
        rows=rows,
        tried=rows,
        **more,
    )


def surrogate(observations: Observations) -> Surrogate:
    return Surrogate.of(observations, estimate_scales(observations, None))


def test_the_start_has_each_level_as_often_as_any_other() -> None:
    tried: list[Row] = []
    for number in range(START):
        observations = Observations(
            space=CHOICES,
            epochs=EPOCHS,
            cells=[],
            scores=np.empty((0, 2)),
            replicates=[],
            rows=[],
            tried=tried,
        )
        suggestion = first_cells(observations, np.random.default_rng(number))
        assert suggestion is not None
        tried.append(suggestion.row)
    assert len(set(tried)) == START
    for f, labels in enumerate(CHOICES.labels):
        counts = Counter(row[f] for row in tried)
        assert max(counts.values()) - min(counts.get(level, 0) for level in range(len(labels))) <= 2
    enough = Observations(
        space=CHOICES, epochs=EPOCHS, cells=[], scores=np.empty((0, 2)), replicates=[], rows=[], tried=tried
    )
    assert first_cells(enough, np.random.default_rng(0)) is None
    assert first_cells(enough, np.random.default_rng(0), START + 1) is not None


@pytest.mark.parametrize("listed", [True, False])
def test_the_best_cell_is_proposed_though_it_was_never_tried(listed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST_LISTED", 4096 if listed else 1)
    observations = seen(40)
    if not listed:
        observations = Observations(**{**observations.__dict__, "space": candidate_space(SPACE)})
    assert BEST not in observations.rows
    model = surrogate(observations)
    assert model.best() == BEST
    random = np.random.default_rng(1)
    proposed = [suggestion.row for _ in range(10) if (suggestion := model.suggest(random, probes=False))]
    assert BEST in proposed
    assert np.mean([quality(row) for row in proposed]) > np.mean([quality(row) for row in observations.rows]) + 0.02
    recommended = model.recommend(random)
    assert recommended is not None
    assert quality(recommended.row) == max(quality(row) for row in observations.rows)
    assert abs(recommended.score - quality(recommended.row)) < 3 * recommended.error < 0.05


def test_what_is_closed_is_never_proposed() -> None:
    observations = seen(40, closed={BEST, (2, 1, 0, 0)})
    model = surrogate(observations)
    random = np.random.default_rng(2)
    proposed = {suggestion.row for _ in range(40) if (suggestion := model.suggest(random, probes=True))}
    assert not proposed & set(observations.closed)
    rows = {tuple(row) for row in CHOICES.listed.tolist()} if CHOICES.listed is not None else set()
    everything = surrogate(seen(40, closed=rows))
    assert everything.suggest(random, probes=True) is None


def test_where_cells_are_not_listed_a_closed_maximum_gives_way_to_its_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "MOST_LISTED", 1)
    unlisted = candidate_space(SPACE)
    every = {tuple(int(x) for x in row) for row in CHOICES.listed.tolist()} if CHOICES.listed is not None else set()
    near = {row for row in every if sum(a != b for a, b in zip(row, BEST, strict=True)) == 1}
    for closed, expected in ((every - near, near), (every, set())):
        model = surrogate(Observations(**{**seen(120).__dict__, "space": unlisted, "closed": closed}))
        random = np.random.default_rng(7)
        proposed = {suggestion.row for _ in range(20) if (suggestion := model.suggest(random, probes=False))}
        assert proposed <= expected and bool(proposed) == bool(expected)


def test_a_probe_changes_one_factor_of_the_best() -> None:
    model = surrogate(seen(40))
    random = np.random.default_rng(3)
    probes = [s.row for _ in range(60) if (s := model.suggest(random, probes=True)) is not None and s.probe]
    assert 5 < len(probes) < 30
    assert all(sum(a != b for a, b in zip(row, BEST, strict=True)) == 1 for row in probes)
    without = [model.suggest(random, probes=False) for _ in range(20)]
    assert not any(suggestion.probe for suggestion in without if suggestion is not None)


@pytest.mark.slow
def test_certainty_rises_with_trials_and_names_a_rival() -> None:
    few, many = surrogate(seen(20, noise=0.02)), surrogate(seen(120, noise=0.02))
    random = np.random.default_rng(4)
    less, more = few.certainty(0.005, 0.9, random), many.certainty(0.005, 0.9, random)
    assert less is not None and more is not None
    assert less.probability < more.probability
    assert less.rival is not None and less.further_trials is not None
    assert less.rival != less.row and less.further_trials >= 2
    wide = many.certainty(1.0, 0.9, random)
    assert wide is not None
    assert (wide.probability, wide.rival, wide.further_trials) == (1.0, None, None)


def test_a_rung_is_trusted_when_it_ranks_as_the_end_does() -> None:
    assert surrogate(seen(60)).trusts_rungs
    blind = seen(60)
    blind.scores[:, 0] = np.random.default_rng(5).permutation(blind.scores[:, 0])
    assert not surrogate(blind).trusts_rungs


def test_scales_are_written_down_and_read_again() -> None:
    scales = estimate_scales(seen(40), None)
    again = unpacked(packed(scales, 4, EPOCHS), 4, EPOCHS)
    np.testing.assert_allclose(again.main, scales.main)
    np.testing.assert_allclose(again.noise, scales.noise)
    assert again.pairs == pytest.approx(scales.pairs)


def test_where_scores_are_spread_more_widely_everything_is_expected_to_be_larger() -> None:
    usual = seen(60)
    wider = replace(usual, scores=5 * usual.scores)
    small, large = estimate_scales(usual, None), estimate_scales(wider, None)
    assert large.pairs == pytest.approx(5 * small.pairs, rel=0.1)
    assert large.main == pytest.approx(5 * small.main, rel=0.1)
    assert large.noise == pytest.approx(25 * small.noise, rel=0.1, abs=1e-5)
    # Scores that spread less than expected lower the scales by less than in proportion.
    assert estimate_scales(replace(usual, scores=0.01 * usual.scores), None).pairs > 0.01 * small.pairs


def test_a_large_sweep_reads_a_part_of_its_trials() -> None:
    random = np.random.default_rng(6)
    rows = [CHOICES.random(random, 1)[0] for _ in range(1500)]
    end = np.array([quality(row) for row in rows]) + random.normal(0, 0.02, len(rows))
    observations = Observations(
        space=CHOICES,
        epochs=EPOCHS,
        cells=[CHOICES.cell(row) for row in rows],
        scores=np.stack([end - 0.1, np.where(np.arange(1500) % 2 == 0, end, np.nan)], axis=1),
        replicates=[0] * 1500,
        rows=rows,
        tried=rows,
    )
    model = Surrogate.of(observations, expected_scales(4, EPOCHS))
    assert model.belief.trials.scores.shape == (450 + 250, 2)
    assert model.best() == BEST
