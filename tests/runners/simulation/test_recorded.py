"""Recorded sweeps as worlds, on a sweep of two replicates that is written by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runners.simulation.recorded import recorded_world
from search_spaces.axes import factor
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.records.identity import arm_key
from tests.analysis.conftest import Rows, write_sweep

CURVES = {
    ("resnet18", "fpn"): [[0.1, 0.5, 0.4], [0.2, 0.3, 0.6]],
    ("resnet18", "unet"): [[0.1, 0.2, 0.3], [0.1, 0.2, 0.5]],
    ("resnet34", "unet"): [[0.3, 0.7, 0.8], [0.2, 0.6, 0.7]],
}
"""The pair of resnet34 and fpn was never tried."""
SECONDS = {"resnet18": 10.0, "resnet34": 25.0}
TESTS = {("resnet18", "fpn"): [0.5, 0.7], ("resnet18", "unet"): [0.4, None], ("resnet34", "unet"): [0.6, 0.6]}
FPN, UNET, DEEP = ({"encoder": e, "decoder": d} for e, d in CURVES)
CELLS = (FPN, UNET, DEEP)


def description(**more: Any) -> dict[str, Any]:
    factors = [factor("encoder", ["resnet34", "resnet18"]), factor("decoder", ["fpn", "unet"])]
    factors += [factor("weights", ["none"])]
    levels = [{"name": f.name, "levels": {x.label: dict(x.fields) for x in f.levels}, "range": None} for f in factors]
    base = TrialConfig().with_fields({"data.real": True})
    return {"base": base.model_dump(mode="json"), "factors": levels, "prune": "none", "rungs": [3], **more}


def rows(encoder: str, decoder: str, curves: list[list[float]], **more: Any) -> tuple[Rows, Rows]:
    """Return rows of trials and of epochs, the highest replicate first."""
    trials, epochs = [], []
    cell = {"encoder": encoder, "decoder": decoder, "weights": "none"}
    for replicate, curve in reversed(list(enumerate(curves))):
        key = f"{encoder}-{decoder}-{replicate}"
        row: dict[str, Any] = {
            "trial_key": key,
            "arm_key": f"{encoder}-{decoder}",
            "cell": json.dumps(cell),
            "role": "arm",
        }
        row |= {"replicate": replicate, "status": "COMPLETE", "epochs_done": 3, "epochs_planned": 3, "config": "{}"}
        row["test_iou"] = dict(enumerate(TESTS.get((encoder, decoder), []))).get(replicate)
        trials.append(row | more)
        seconds = {"train_seconds": SECONDS[encoder] - 1, "evaluation_seconds": 1.0}
        scores = [{"trial_key": key, "epoch": e, "selection_iou": x, **seconds} for e, x in enumerate(curve, 1)]
        epochs += scores
    return trials, epochs


def written(root: Path, *further: tuple[Rows, Rows], described: dict[str, Any] | None = None) -> Path:
    parts_of_arms = [rows(*pair, curves) for pair, curves in CURVES.items()] + list(further)
    trials, epochs = ([row for part in parts for row in part] for parts in zip(*parts_of_arms, strict=True))
    return write_sweep(root / "small", description=described or description(), trials=trials, epochs=epochs)


def test_quality_is_the_mean_over_replicates_of_the_best_epoch(tmp_path: Path) -> None:
    world = recorded_world(written(tmp_path))
    assert [world.quality(cell) for cell in CELLS] == pytest.approx([0.55, 0.40, 0.75])
    assert world.best == pytest.approx(0.75)
    assert (world.name, world.most_replicates, world.left_out) == ("small", 2, 0)


def test_a_cost_is_in_epochs_of_the_average_arm(tmp_path: Path) -> None:
    world = recorded_world(written(tmp_path))
    assert [world.cost(cell) for cell in CELLS] == pytest.approx([10 / 15, 10 / 15, 25 / 15])


def test_a_cell_has_a_test_score_where_one_was_measured(tmp_path: Path) -> None:
    world = recorded_world(written(tmp_path))
    assert world.test_quality(FPN) == pytest.approx(0.6)
    assert math.isnan(world.test_quality(UNET))


def test_errors_of_the_truth(tmp_path: Path) -> None:
    # Ends 0.5 0.6, 0.3 0.5, 0.8 0.7: half squared differences 0.005 + 0.02 + 0.005 over 3 degrees of freedom.
    world = recorded_world(written(tmp_path))
    assert world.spread == pytest.approx(0.1)
    assert world.error == pytest.approx(0.1 / math.sqrt(2))
    # Differences 0.1, 0.2, -0.1 have the variance 0.07 / 3; that of a replicate is half of it.
    assert world.paired_spread == pytest.approx(math.sqrt(0.07 / 6))


def test_the_space_holds_what_was_recorded(tmp_path: Path) -> None:
    world = recorded_world(written(tmp_path))
    assert list(world.space.cells()) == [DEEP, FPN, UNET]
    assert world.space.size == 4
    assert world.space.excluded({"encoder": "resnet34", "decoder": "fpn"}) == "not recorded"
    # The third factor has one level, which is part of the base.
    assert (world.base.epochs, world.base.model.weights) == (3, "none")
    keys = {arm_key(world.space.config(world.base, cell, seed=5)) for cell in world.space.cells()}
    assert len(keys) == 3


def test_curves_are_counted_by_replicate(tmp_path: Path) -> None:
    world = recorded_world(written(tmp_path))
    for cell, curves in zip(CELLS, CURVES.values(), strict=True):
        assert [world.curve(cell, 0).tolist(), world.curve(cell, 1).tolist()] == curves


@pytest.mark.slow
def test_a_seed_orders_the_replicates_of_each_arm(tmp_path: Path) -> None:
    root = written(tmp_path)
    firsts = set()
    for seed in range(1, 31):
        world = recorded_world(root, seed=seed)
        first = []
        for cell, curves in zip(CELLS, CURVES.values(), strict=True):
            replicates = [world.curve(cell, 0).tolist(), world.curve(cell, 1).tolist()]
            assert sorted(replicates) == sorted(curves)
            first.append(curves.index(replicates[0]))
        firsts.add(tuple(first))
        assert world.quality(FPN) == pytest.approx(0.55)
    assert len(firsts) == 8


@pytest.mark.slow
def test_paired_orders_are_the_same_for_all_arms(tmp_path: Path) -> None:
    further = rows("resnet34", "fpn", [[0.1, 0.1, 0.1], [0.2, 0.2, 0.2], [0.3, 0.3, 0.3]])
    root = written(tmp_path, further)
    firsts = set()
    for seed in range(1, 20):
        world = recorded_world(root, seed=seed, paired=True)
        first = {curves.index(world.curve(c, 0).tolist()) for c, curves in zip(CELLS, CURVES.values(), strict=True)}
        third = world.curve({"encoder": "resnet34", "decoder": "fpn"}, 0).tolist()
        firsts.add((*first, int(10 * third[0]) - 1))
    assert firsts == {(0, 0), (1, 1)}


@pytest.mark.parametrize("odd", ["single", "failed", "stopped early", "never measured"])
def test_arms_with_too_few_whole_curves_are_left_out_and_counted(tmp_path: Path, odd: str) -> None:
    curves = [[0.9, 0.9, 0.9], [0.9, 0.9, 0.9]]
    if odd == "single":
        further = rows("resnet34", "fpn", curves[:1])
    elif odd == "failed":
        further = rows("resnet34", "fpn", curves, status="FAILED")
    elif odd == "stopped early":
        further = rows("resnet34", "fpn", [[0.9, 0.9], [0.9, 0.9]])
    else:
        further = rows("resnet34", "fpn", [[], []], status="PLANNED", epochs_done=0)
    world = recorded_world(written(tmp_path, further))
    assert (world.left_out, world.best) == (1, pytest.approx(0.75))
    assert world.space.excluded({"encoder": "resnet34", "decoder": "fpn"}) == "not recorded"


def test_arms_with_fewer_curves_than_most_are_left_out(tmp_path: Path) -> None:
    parts = [rows(*pair, [*curves, [0.1, 0.2, 0.3]]) for pair, curves in CURVES.items()]
    parts.append(rows("resnet34", "fpn", [[0.1, 0.2, 0.3]] * 2))
    trials, epochs = ([row for part in both for row in part] for both in zip(*parts, strict=True))
    world = recorded_world(write_sweep(tmp_path / "s", description=description(), trials=trials, epochs=epochs))
    assert (world.most_replicates, world.left_out) == (3, 1)


def test_confirmations_and_arms_beside_the_space_are_no_cells(tmp_path: Path) -> None:
    best = [[0.9, 0.9, 0.9]] * 2
    confirmed = rows("resnet34", "fpn", best, role="confirmation")
    trials, epochs = rows("resnet34", "fpn", best, cell=json.dumps({"arm": "large"}))
    beside = tuple([row | {"trial_key": f"b{row['trial_key']}"} for row in rows_] for rows_ in (trials, epochs))
    described = description(arms={"large": {"data.height": 640}})
    world = recorded_world(written(tmp_path, confirmed, beside, described=described))
    assert (world.left_out, world.best) == (0, pytest.approx(0.75))
    with pytest.raises(UserError, match="has not recorded large"):
        world.curve({"arm": "large"}, 0)


def test_what_is_not_recorded_is_refused(tmp_path: Path) -> None:
    world = recorded_world(written(tmp_path))
    with pytest.raises(UserError, match="small has not recorded encoder=resnet34, decoder=fpn; its space excludes"):
        world.curve({"encoder": "resnet34", "decoder": "fpn"}, 0)
    for replicate in (-1, 2):
        with pytest.raises(UserError, match=rf"no replicate {replicate} of encoder=resnet18.*every arm has 2"):
            world.curve(FPN, replicate)


def test_a_curve_cannot_be_changed(tmp_path: Path) -> None:
    world = recorded_world(written(tmp_path))
    with pytest.raises(ValueError, match="read-only"):
        world.curve(FPN, 0)[0] = 1


def test_a_pruned_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="pruned its trials, so that curves are not whole; replay a sweep with --prune"):
        recorded_world(written(tmp_path, described=description(prune="asha")))


def test_a_range_is_refused(tmp_path: Path) -> None:
    span = {"field": "optimisation.decoder_learning_rate", "low": 0.001, "high": 0.1, "log": True}
    described = description()
    described["factors"].append({"name": "decoder_learning_rate", "levels": {}, "range": span})
    with pytest.raises(UserError, match="varies decoder_learning_rate over a range"):
        recorded_world(written(tmp_path, described=described))


def test_a_world_needs_two_arms(tmp_path: Path) -> None:
    trials, epochs = rows("resnet18", "fpn", CURVES["resnet18", "fpn"])
    root = write_sweep(tmp_path / "s", description=description(), trials=trials, epochs=epochs)
    with pytest.raises(UserError, match=r"with 2 whole curves or more: 1, but .* raise --replicates"):
        recorded_world(root)
    with pytest.raises(UserError, match="has no trials of its space"):
        recorded_world(write_sweep(tmp_path / "empty", description=description()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": "not JSON"}, "what no sweep writes"),
        ({"cell": '{"encoder": "vgg", "decoder": "fpn", "weights": "none"}'}, "a level 'vgg' of encoder"),
        ({"epochs_planned": None}, "what no sweep writes"),
        ({"trial_key": "resnet18-fpn-0"}, "a trial has two rows"),
    ],
)
def test_damaged_trials_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    trials, epochs = rows("resnet34", "fpn", [[0.1, 0.2, 0.3]] * 2, **change)
    if "epochs_planned" in change:
        for pair, curves in CURVES.items():
            trials += rows(*pair, curves, **change)[0]
        root = write_sweep(tmp_path / "s", description=description(), trials=trials, epochs=epochs)
    else:
        root = written(tmp_path, (trials, epochs))
    with pytest.raises(UserError, match=message):
        recorded_world(root)


@pytest.mark.parametrize("change", [{"selection_iou": 1.5}, {"train_seconds": None}, {"epoch": 1}])
def test_damaged_epochs_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    trials, epochs = rows("resnet34", "fpn", [[0.1, 0.2, 0.3]] * 2)
    root = written(tmp_path, (trials, [row | change for row in epochs]))
    with pytest.raises(UserError, match=r"epochs is damaged|what no sweep writes"):
        recorded_world(root)


@pytest.mark.parametrize("missing", ["prune", "factors", "base"])
def test_a_damaged_description_is_refused(tmp_path: Path, missing: str) -> None:
    described = description()
    del described[missing]
    with pytest.raises(UserError, match="what no sweep writes"):
        recorded_world(written(tmp_path, described=described))


def test_reading_is_the_same_each_time(tmp_path: Path) -> None:
    root = written(tmp_path)
    curves = [[recorded_world(root, seed=3).curve(cell, 1) for cell in CELLS] for _ in range(2)]
    assert np.array_equal(curves[0], curves[1])
