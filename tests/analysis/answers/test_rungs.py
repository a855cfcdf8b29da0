from __future__ import annotations

import numpy as np
import pytest

from analysis.answers.rungs import monotone_covariance, rungs
from seatbelt.errors import UserError
from tests.analysis.conftest import NOON, MakeSweep, trial


def sweep_with_rung(
    make_sweep: MakeSweep, finals: list[float], thirds: list[float], *, pruned: tuple[int, ...] = ()
) -> object:
    """Return a sweep of 9 epochs with one trial for each final score, compared at epoch 3."""
    trials, epochs = [], []
    for i, (final, third) in enumerate(zip(finals, thirds, strict=True)):
        stopped = i in pruned
        more = {
            "cell": f'{{"encoder": "e{i % 2}"}}',
            "role": "arm",
            "epochs_planned": 9,
            "exempt": False,
            "replicate": i,
        }
        status = "PRUNED" if stopped else "COMPLETE"
        row = trial(f"t{i}", f"arm{i}", iou=third if stopped else final, status=status, config="{}", **more)
        trials.append({**row, "epochs_done": 3 if stopped else 9})
        for epoch in range(1, 4 if stopped else 10):
            score = 0.05 if epoch < 3 else third if epoch < 9 else final
            epochs.append({"trial_key": f"t{i}", "epoch": epoch, "selection_iou": score, "at": NOON})
    levels = {f"e{j}": {"model.encoder": f"e{j}"} for j in range(2)}
    description = {"factors": [{"name": "encoder", "levels": levels, "range": None}], "rungs": [3, 9]}
    return make_sweep("sweep", description=description, trials=trials, epochs=epochs)


@pytest.mark.slow
def test_a_rung_that_ranks_as_the_end_does(make_sweep: MakeSweep) -> None:
    finals = [0.5, 0.52, 0.54, 0.56, 0.58, 0.6]
    agreements = rungs(sweep_with_rung(make_sweep, finals, [score - 0.2 for score in finals]))
    third = next(a for a in agreements.agreements if a.epoch == 3)
    assert (third.rung, third.seen, third.correlation, third.n) == (True, pytest.approx(1), pytest.approx(1), 6)
    assert agreements.advice == "the first rung, epoch 3, ranks trials well"


@pytest.mark.slow
def test_a_rung_that_misleads(make_sweep: MakeSweep) -> None:
    finals = [0.5, 0.52, 0.54, 0.56, 0.58, 0.6]
    agreements = rungs(sweep_with_rung(make_sweep, finals, [0.9 - score for score in finals]))
    assert next(a for a in agreements.agreements if a.epoch == 3).correlation == pytest.approx(-1)
    assert agreements.advice == (
        "the first rung, epoch 3, ranks trials badly, and no other in the first two thirds ranks them well: "
        "use --prune none"
    )


def test_too_few_complete_trials(make_sweep: MakeSweep) -> None:
    sweep = sweep_with_rung(make_sweep, [0.5, 0.6, 0.7, 0.8, 0.9], [0.3, 0.2, 0.3, 0.4, 0.1], pruned=(0, 1))
    with pytest.raises(UserError, match="has 3 complete trials; judging rungs needs 5"):
        rungs(sweep)


def test_the_covariance_of_a_selection_is_that_of_all() -> None:
    rng = np.random.default_rng(0)
    early = rng.normal(0, 1, 400_000)
    final = 0.8 * early + rng.normal(0, 0.6, 400_000)
    hidden = np.where(early < 1, np.nan, final)
    np.testing.assert_allclose(monotone_covariance(np.stack([early, hidden], axis=1)), [[1, 0.8], [0.8, 1]], atol=0.05)
    promoted = early >= 1
    assert np.corrcoef(early[promoted], final[promoted])[0, 1] < 0.6


@pytest.mark.slow
def test_schedules_are_judged_each_by_itself(make_sweep: MakeSweep) -> None:
    """A cosine lies far behind a plateau at the rung and ahead at the end: within each, the rung ranks perfectly."""
    rising = [0.50, 0.52, 0.54, 0.56, 0.58, 0.60]
    trials, epochs = [], []
    for schedule, finals, behind in (("plateau", rising, 0.05), ("cosine", [0.3 + score for score in rising], 0.7)):
        for i, final in enumerate(finals):
            key = f"{schedule}{i}"
            more = {"cell": f'{{"schedule": "{schedule}"}}', "role": "arm", "epochs_planned": 9, "exempt": False}
            row = trial(key, key, iou=final, status="COMPLETE", config="{}", replicate=i, **more)
            trials.append({**row, "epochs_done": 9})
            for epoch in range(1, 10):
                epochs.append(
                    {"trial_key": key, "epoch": epoch, "selection_iou": final - behind * (epoch < 9), "at": NOON}
                )
    levels = {name: {"optimisation.schedule": name} for name in ("plateau", "cosine")}
    description = {"factors": [{"name": "schedule", "levels": levels, "range": None}], "rungs": [3, 9]}
    agreements = rungs(make_sweep("sweep", description=description, trials=trials, epochs=epochs))
    third = {name: next(a for a in part if a.epoch == 3) for name, part in agreements.by_schedule.items()}
    assert {name: a.correlation for name, a in third.items()} == {
        "plateau": pytest.approx(1),
        "cosine": pytest.approx(1),
    }
    assert next(a for a in agreements.agreements if a.epoch == 3).correlation < 0
    assert agreements.advice == (
        "plateau: the first rung, epoch 3, ranks trials well; cosine: the first rung, epoch 3, ranks trials well"
    )
