from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis import Sweep
from analysis.answers.effects import effects
from seatbelt.errors import UserError
from tests.analysis.conftest import NOON, MakeSweep, trial
from tests.analysis.numbers import image

ENCODERS = {"resnet18": 0.0, "resnet34": 0.05}
DECODERS = {"fpn": 0.0, "unet": -0.02, "linknet": 0.01}


def factor(name: str, labels: dict[str, float]) -> dict[str, Any]:
    return {"name": name, "levels": {label: {f"model.{name}": label} for label in labels}, "range": None}


def swept(
    make_sweep: MakeSweep,
    *,
    pruned: tuple[str, ...] = (),
    replicates: int = 3,
    stopped_as: str = "PRUNED",
    name: str = "sweep",
    images: bool = False,
) -> Sweep:
    """Return a full factorial whose final scores are additive, up to a residual of +-0.001."""
    trials, epochs = [], []
    for i, (encoder, a) in enumerate(ENCODERS.items()):
        for j, (decoder, b) in enumerate(DECODERS.items()):
            for r in range(replicates):
                key = f"{i}{j}{r}"
                score = 0.5 + a + b + 0.1 * r + 0.001 * (-1) ** (i + j + r)
                stopped = key in pruned
                status = stopped_as if stopped else "COMPLETE"
                cell = json.dumps({"encoder": encoder, "decoder": decoder})
                more = {"cell": cell, "replicate": r, "role": "arm", "epochs_planned": 9, "exempt": False}
                row = trial(key, f"{encoder}-{decoder}", iou=score, test=score, status=status, config="{}", **more)
                trials.append({**row, "epochs_done": 3 if stopped else 9})
                for epoch in range(1, 4 if stopped else 10):
                    measured = score if epoch == 9 else score - 0.1
                    epochs.append({"trial_key": key, "epoch": epoch, "selection_iou": measured, "at": NOON})
    description = {
        "factors": [factor("encoder", ENCODERS), factor("decoder", DECODERS)],
        "rungs": [3, 9],
        "baseline": {"encoder": "resnet18", "decoder": "fpn"},
    }
    tested = (
        [image(row["trial_key"], f"p{i}", i, row["test_iou"]) for row in trials for i in range(2)] if images else []
    )
    return make_sweep(name, description=description, trials=trials, epochs=epochs, images=tested)


def test_effects_of_an_additive_sweep(make_sweep: MakeSweep) -> None:
    estimates = effects(swept(make_sweep))
    by_level = {(e.factor, e.level): e for e in estimates.effects}
    assert estimates.estimator == "mixed"
    assert by_level["encoder", "resnet34"].effect == pytest.approx(0.05, abs=1e-3)
    assert by_level["decoder", "unet"].effect == pytest.approx(-0.02, abs=1e-3)
    assert by_level["decoder", "linknet"].effect == pytest.approx(0.01, abs=1e-3)
    assert set(by_level) == {("encoder", "resnet34"), ("decoder", "unet"), ("decoder", "linknet")}
    big = by_level["encoder", "resnet34"]
    assert big.decided and big.low is not None and big.high is not None and big.low < 0.05 < big.high
    assert big.n == 9


def test_a_pruned_sweep_is_estimated_through_its_rungs(make_sweep: MakeSweep) -> None:
    sweep = swept(make_sweep, pruned=("000", "011", "102"))
    estimates = effects(sweep)
    assert estimates.estimator == "mixed"
    assert estimates.complete == 15
    assert estimates.trials == 18
    assert {e.level: e.effect for e in estimates.effects}["resnet34"] == pytest.approx(0.05, abs=2e-3)
    assert "3 of 18" in estimates.notes[0]
    assert effects(sweep, estimator="naive").notes[0].startswith("NAIVE")


def test_the_first_rung_compares_all_trials(make_sweep: MakeSweep) -> None:
    estimates = effects(swept(make_sweep, pruned=("000",)), at=3)
    assert (estimates.estimator, estimates.epoch, estimates.complete) == ("mixed", 3, 18)


def test_a_later_rung_of_a_pruned_sweep_is_refused(make_sweep: MakeSweep) -> None:
    with pytest.raises(UserError, match="were promoted for their scores"):
        effects(swept(make_sweep, pruned=("000",)), at=9)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"factor": "colour"}, "did not vary.*encoder, decoder"), ({"at": 4}, "is no rung.*3, 9")],
)
def test_options_that_do_not_fit_the_sweep_are_refused(
    make_sweep: MakeSweep, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        effects(swept(make_sweep), **options)


def test_a_named_factor_selects_effects_of_the_model_of_all(make_sweep: MakeSweep) -> None:
    sweep = swept(make_sweep)
    selected = effects(sweep, factor="encoder").effects
    assert selected == [e for e in effects(sweep).effects if e.factor == "encoder"]


def test_a_note_counts_trials_that_diverged(make_sweep: MakeSweep) -> None:
    notes = effects(swept(make_sweep, pruned=("000",), stopped_as="DIVERGED")).notes
    assert any(note.startswith("1 trial failed, diverged") for note in notes)
    assert not any("diverged" in note for note in effects(swept(make_sweep, name="sound")).notes)


def test_cells_that_no_sweep_writes_are_one_error(make_sweep: MakeSweep) -> None:
    sweep = swept(make_sweep)
    sweep.description["factors"] = [{"name": "encoder"}]
    with pytest.raises(UserError, match=r"sweep\.json holds .* \(factors\.0: .*a factor needs levels or a range"):
        effects(sweep)


def test_a_damaged_table_of_images_is_one_error(make_sweep: MakeSweep) -> None:
    sweep = swept(make_sweep, images=True)
    file = Path(sweep.root) / "images" / "00001.parquet"
    data = bytearray(file.read_bytes())
    # The footer stays whole, so that only reading the rows fails.
    data[4:40] = b"x" * 36
    file.write_bytes(data)
    with pytest.raises(UserError, match=r"/images cannot be read \("):
        effects(sweep, score="test")


def test_estimators_agree_where_nothing_was_pruned(make_sweep: MakeSweep) -> None:
    sweep = swept(make_sweep)
    for name in ("mixed", "likelihood", "weights"):
        by_level = {e.level: e.effect for e in effects(sweep, estimator=name).effects}
        assert by_level["resnet34"] == pytest.approx(0.05, abs=1e-3)


def test_weights_need_exempt_trials(make_sweep: MakeSweep) -> None:
    with pytest.raises(UserError, match="need trials that are exempt"):
        effects(swept(make_sweep, pruned=("000",)), estimator="weights")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"at": 3}, "only complete trials are tested"), ({"estimator": "weights"}, "takes --estimator")],
)
def test_effects_on_the_test_set_take_neither_a_rung_nor_weights(
    make_sweep: MakeSweep, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        effects(swept(make_sweep), score="test", **options)


def test_two_trials_of_one_replicate_decide_nothing(make_sweep: MakeSweep) -> None:
    trials = []
    for encoder, score in (("resnet18", 0.3), ("resnet34", 0.45)):
        more = {"cell": json.dumps({"encoder": encoder}), "role": "arm", "epochs_planned": 9, "exempt": False}
        row = trial(encoder, encoder, iou=score, status="COMPLETE", config="{}", replicate=0, **more)
        trials.append({**row, "epochs_done": 9})
    sweep = make_sweep("two", description={"factors": [factor("encoder", ENCODERS)], "rungs": [9]}, trials=trials)
    (effect,) = effects(sweep).effects
    assert (effect.effect, effect.low, effect.p_value, effect.decided) == (
        pytest.approx(0.15, abs=2e-3),
        None,
        None,
        False,
    )
