from __future__ import annotations

import pytest

from analysis.answers.importance import importance
from analysis.answers.interactions import interactions
from seatbelt.errors import UserError
from tests.analysis.answers.test_effects import swept
from tests.analysis.conftest import MakeSweep


def test_an_additive_sweep_has_no_interaction_to_speak_of(make_sweep: MakeSweep) -> None:
    estimates = interactions(swept(make_sweep))
    assert len(estimates.interactions) == 6
    assert not any(row.decided for row in estimates.interactions)
    assert all(abs(row.effect) < 0.003 and row.low < 0 < row.high for row in estimates.interactions)
    assert {row.n for row in estimates.interactions} == {3}


def test_interactions_add_up_to_nothing_over_a_factor(make_sweep: MakeSweep) -> None:
    rows = interactions(swept(make_sweep, pruned=("000", "011"))).interactions
    for decoder in ("fpn", "unet", "linknet"):
        effects = [row.effect for row in rows if row.level_b == decoder]
        assert len(effects) > 1
        assert sum(effects) == pytest.approx(0, abs=1e-12)


@pytest.mark.slow
def test_the_greater_effect_is_the_more_important(make_sweep: MakeSweep) -> None:
    estimates = importance(swept(make_sweep))
    # Mean squares over the levels: 0.025^2 of the encoders, (0.0033^2 + 0.0167^2 + 0.0133^2) / 3 of the decoders.
    first, second = estimates.importances
    assert (first.factor, second.factor) == ("encoder", "decoder")
    assert first.share == pytest.approx(0.8, abs=0.03)
    assert first.share + second.share == pytest.approx(1)
    assert first.low < 0.8 < first.high
    assert estimates.deviation == pytest.approx(0.028, abs=0.003)
    # Optuna's importances take the differences between replicates for noise; those of fANOVA add up to 1.
    assert first.fanova is not None and second.fanova is not None
    assert first.fanova + second.fanova == pytest.approx(1)
    assert first.ped_anova is not None


def test_one_factor_has_no_interactions(make_sweep: MakeSweep) -> None:
    sweep = swept(make_sweep)
    sweep.description["factors"] = sweep.description["factors"][:1]
    with pytest.raises(UserError, match="fewer than two factors"):
        interactions(sweep)
