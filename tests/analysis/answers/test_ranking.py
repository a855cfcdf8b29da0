"""The best configurations: by the mean over replicates, of complete trials."""

from __future__ import annotations

import pytest

from analysis import Sweep
from analysis.answers.ranking import best
from analysis.text.ranking import ranking_text
from seatbelt.errors import UserError
from tests.analysis.conftest import MakeSweep, trial


def test_arms_are_ranked_by_their_mean_not_by_the_luckiest_replicate(replicated: Sweep) -> None:
    ranking = best(replicated)
    assert ranking.complete
    assert [(arm.rank, arm.arm_key) for arm in ranking.arms] == [(1, "steady"), (2, "lucky")]
    steady, lucky = ranking.arms
    assert steady.selection_iou == pytest.approx(0.74)
    assert lucky.selection_iou == pytest.approx(0.70)
    # Standard deviations of two values: their distance over the root of 2.
    assert steady.selection_sd == pytest.approx(0.02 / 2**0.5)
    assert lucky.selection_sd == pytest.approx(0.4 / 2**0.5)
    assert steady.selection_iou_with_target == pytest.approx(0.37)
    assert steady.test_iou == pytest.approx(0.25)
    assert (steady.replicates, steady.epochs, steady.parameters, steady.train_seconds) == (
        2,
        9,
        2_500_000,
        20,
    )
    # The trial to reproduce is the arm's best replicate.
    assert (steady.trial_key, lucky.trial_key) == ("b1", "a1")
    assert steady.cell == {"encoder": "steady", "decoder": "fpn"}
    assert ranking.trials == {"COMPLETE": 4, "PRUNED": 1, "PLANNED": 1}
    assert ranking.baselines == {"all background": 0.25, "mean mask": 0.5}


def test_by_test_ranks_by_the_mean_test_score(replicated: Sweep) -> None:
    ranking = best(replicated, by="test")
    assert [arm.arm_key for arm in ranking.arms] == ["lucky", "steady"]
    assert "RANKED BY TEST SCORES: choosing by test scores makes them optimistic" in ranking_text(
        ranking, replicated.root
    )


def test_top_is_the_number_of_arms(replicated: Sweep) -> None:
    assert [arm.arm_key for arm in best(replicated, top=1).arms] == ["steady"]


def test_before_any_trial_is_complete_the_ranking_is_provisional(make_sweep: MakeSweep) -> None:
    sweep = make_sweep(
        trials=[
            trial("a", "first", iou=0.4, status="RUNNING", epochs_done=2),
            trial("b", "second", iou=0.6, status="PAUSED", epochs_done=3),
            trial("c", "third", iou=None, status="PLANNED"),
        ]
    )
    ranking = best(sweep)
    assert not ranking.complete
    assert [arm.arm_key for arm in ranking.arms] == ["second", "first"]
    assert ranking_text(ranking, sweep.root).startswith("PROVISIONAL: no trial is complete yet; these trials have")
    with pytest.raises(UserError, match="has no complete trial, so nothing has been tested yet"):
        best(sweep, by="test")


@pytest.mark.parametrize("rows", [[], [trial("c", "third", iou=None, status="PLANNED")]])
def test_without_scores_there_is_no_ranking(make_sweep: MakeSweep, rows: list[dict[str, object]]) -> None:
    with pytest.raises(UserError, match=r"has no scores yet; `seatbelt status .*` shows its progress"):
        best(make_sweep(trials=rows))


def test_equal_means_have_one_order(make_sweep: MakeSweep) -> None:
    sweep = make_sweep(trials=[trial(key, key, iou=0.5) for key in ("c", "a", "b")])
    assert [arm.arm_key for arm in best(sweep).arms] == ["a", "b", "c"]


@pytest.mark.parametrize(("leader", "others"), [(1, (2,)), (1, (1, 5)), (2, (1,)), (3, (3,))])
def test_a_leader_of_one_replicate_is_not_trusted(make_sweep: MakeSweep, leader: int, others: tuple[int, ...]) -> None:
    rows = [trial(f"lead{i}", "lead", iou=0.9) for i in range(leader)]
    for arm, count in enumerate(others):
        rows += [trial(f"other{arm}{i}", f"other{arm}", iou=0.5) for i in range(count)]
    sweep = make_sweep(trials=rows)
    lines = ranking_text(best(sweep), sweep.root).splitlines()
    warned = [line for line in lines if "may be luck" in line]
    if leader > 1:
        assert warned == []
    else:
        most = max(others)
        assert warned == [
            f"the first arm has one replicate, others up to {most}; its score may be luck: `seatbelt resume "
            f"{sweep.root} --replicates {max(3, most)}`"
        ]


def test_one_replicate_has_no_deviation_and_unknown_values_are_dashes(make_sweep: MakeSweep) -> None:
    sweep = make_sweep(trials=[trial("a", "only", iou=0.5, parameters=None, selection_iou_with_target=None)])
    (arm,) = best(sweep).arms
    assert (arm.selection_sd, arm.test_iou, arm.parameters) == (None, None, None)
    text = ranking_text(best(sweep), sweep.root)
    assert text == "\n".join(
        [
            "rank  encoder  decoder  selection  sd  with target  test  n  epochs  parameters  trial",
            "   1  only     fpn          0.500   -            -     -  1       9           -  a",
            "trials: 1 COMPLETE",
            "trivial baselines on the selection set: all background 0.250, mean mask 0.500",
            f"one replicate each, so differences may be chance: `seatbelt resume {sweep.root} --replicates 3`",
            f"the first: seatbelt reproduce {sweep.root} best",
            f"           seatbelt model {sweep.root} best --out best",
            "           seatbelt predict best IMAGES --out predictions --overlay",
        ]
    )
