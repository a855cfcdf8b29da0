from __future__ import annotations

import numpy as np
import pytest

from tests.validation.certainty import Judgement, ended_lines, judged, table_lines


@pytest.mark.slow
def test_stated_probabilities_are_about_as_often_true() -> None:
    judgements = [j for seed in range(4) for j in judged("arch:indep", "factorial/none", 1000 + seed, 0.005)]
    stated = np.array([j.stated for j in judgements])
    true = np.array([j.true for j in judgements])
    assert len(judgements) > 60
    # Four sweeps only, and judgements of one sweep are correlated; the table of docs/search.md has many more.
    assert abs(stated.mean() - true.mean()) < 0.25
    assert true[stated >= 0.9].mean() > 0.75


def test_the_lines_of_four_judgements_were_counted_by_hand() -> None:
    judgements = [
        Judgement(world="a", seed=0, stated=0.5, true=False, cost=10.0),
        Judgement(world="a", seed=0, stated=0.92, true=True, cost=20.0),
        Judgement(world="a", seed=0, stated=0.94, true=False, cost=30.0),
        Judgement(world="a", seed=1, stated=1.0, true=False, cost=40.0),
    ]
    assert table_lines(judgements) == [
        "stated 0.50 to 0.70: n     1, mean stated 0.50, true 0.00",
        "stated 0.90 to 0.95: n     2, mean stated 0.93, true 0.50",
        "stated 0.95 to 1.00: n     1, mean stated 1.00, true 0.00",
    ]
    assert ended_lines(judgements, 3) == ["ended at 90%: 2 of 3 sweeps, after 30 epochs on average; right 0.50 +- 0.35"]
    assert ended_lines(judgements[:1], 3) == ["none of 3 sweeps was ever 90% sure"]
