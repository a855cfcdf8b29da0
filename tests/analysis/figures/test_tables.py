"""The other figures: tables whose numbers were worked out by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
import pytest

from analysis.figures import FIGURES, figure, figures
from analysis.figures.chart import Cells, Lines, NotApplicableError, Points, ReferenceLine
from analysis.figures.curves import DRAWN, curves_table
from analysis.figures.distribution import distribution_table
from analysis.figures.effect_plots import INTERACTIONS, effects_table, interactions
from analysis.figures.heat_map import heat_map, heat_map_table
from analysis.figures.parallel import parallel_table
from analysis.figures.progress import progress_table
from analysis.figures.rungs import promotion_table
from analysis.figures.sweep_data import SweepData
from seatbelt.errors import UserError
from tests.analysis.answers.test_why import halving
from tests.analysis.conftest import MakeSweep
from tests.analysis.numbers import DESCRIPTION, arm_trial, image, second, small_tables


@pytest.fixture
def small(make_sweep: MakeSweep) -> SweepData:
    """Two decoders with three replicates; see small_tables."""
    return SweepData(make_sweep(description=DESCRIPTION | {"rungs": [2]}, **small_tables()))


@pytest.fixture
def halved(make_sweep: MakeSweep) -> SweepData:
    """Eight trials through one rung; see halving."""
    tables = halving()
    for row in tables["trials"]:
        row["epochs_planned"] = 9
    tables["description"] |= {"rungs": [3, 9]}
    return SweepData(make_sweep(**tables))


def test_the_heat_map_has_students_interval(small: SweepData) -> None:
    table = heat_map_table(small, "decoder", "encoder")
    assert table[["row", "column", "n"]].values.tolist() == [["unet", "resnet18", 3], ["fpn", "resnet18", 3]]
    assert table["selection_iou"].tolist() == pytest.approx([0.7, 0.6])
    # Student's t with two degrees of freedom is 4.3027; the standard deviation of 0.6, 0.7, 0.8 is 0.1.
    assert table["low"][0] == pytest.approx(0.7 - 4.302653 * 0.1 / math.sqrt(3), abs=1e-6)
    result = heat_map(small, ("decoder", "encoder"))
    assert "6 complete trials in 2 combinations" in result.caption
    with pytest.raises(UserError, match=r"'depth' is no factor with levels in .*; these are: encoder, decoder"):
        heat_map(small, ("decoder", "depth"))
    with pytest.raises(NotApplicableError, match="shows two factors, but 1 vary; `--factors ROWS,COLUMNS` chooses"):
        heat_map(small)


PAIRS = [("resnet34", "unet"), ("resnet34", "fpn"), ("resnet18", "unet"), ("resnet18", "fpn")]


def test_a_small_difference_does_not_get_the_whole_scale(make_sweep: MakeSweep) -> None:
    trials = [arm_trial(f"a{i}", e, d, 0, 0.5 + 0.001 * i) for i, (e, d) in enumerate(PAIRS)]
    (cells,) = heat_map(SweepData(make_sweep(description=DESCRIPTION, trials=trials))).chart.layers
    assert isinstance(cells, Cells)
    assert (cells.low, cells.high) == pytest.approx((0.4765, 0.5265))
    # Decoders down the side, encoders along the bottom, in the order of the space.
    assert cells.values == (pytest.approx((0.5, 0.502)), pytest.approx((0.501, 0.503)))


def test_effects_are_those_of_the_command(make_sweep: MakeSweep) -> None:
    # unet adds 0.1 to every pair, resnet18 adds 0.2; two replicates that differ by 0.01.
    trials = [
        arm_trial(f"{e}{d}{r}", e, d, r, 0.3 + 0.1 * (d == "unet") + 0.2 * (e == "resnet18") + 0.01 * r)
        | {"number": 2 * i + r, "epochs_planned": 9}
        for i, (e, d) in enumerate(PAIRS)
        for r in (0, 1)
    ]
    description = DESCRIPTION | {"rungs": [9], "baseline": {"encoder": "resnet34", "decoder": "fpn"}}
    data = SweepData(make_sweep(description=description, trials=trials))
    table = effects_table(data)
    assert table[["factor", "level", "reference", "n"]].values.tolist() == [
        ["encoder", "resnet18", "resnet34", 4],
        ["decoder", "unet", "fpn", 4],
    ]
    # The mixed model shrinks them a little.
    assert table["effect"].tolist() == pytest.approx([0.2, 0.1], rel=0.002)
    result = figure("main_effects", data)
    assert result.alt.startswith("2 effects, 2 decided. Strongest: encoder=resnet18 against resnet34, +0.200")
    assert [name for _, name in result.chart.y.ticks] == [
        "encoder=resnet18 against resnet34",
        "decoder=unet against fpn",
    ]


def test_interactions_are_ordered_by_size() -> None:
    rows = [["a", "on", "b", "on", 0.01, -0.01, 0.03, 8], ["a", "on", "c", "on", -0.05, -0.08, -0.02, 8]]
    result = interactions(pd.DataFrame(rows, columns=[column.name for column in INTERACTIONS]))
    assert result.table["effect"].tolist() == [-0.05, 0.01]
    assert result.alt == "2 pairs. Strongest: a=on with c=on, -0.050."
    (points,) = [layer for layer in result.chart.layers if isinstance(layer, Points)]
    assert points.hover[0] == "-0.050 [-0.080, -0.020], n = 8"


def test_promotions_are_counted_at_each_rung(halved: SweepData) -> None:
    # Eight began; b and d were promoted at epoch 3, x is exempt and runs to its end; five were pruned.
    table = promotion_table(halved).set_index("epoch")
    assert table.loc[0, ["reached", "went_on"]].tolist() == [8, 8]
    assert table.loc[3, ["reached", "promoted", "went_on", "pruned", "failed"]].tolist() == [8, 2, 1, 5, 0]
    assert table.loc[9, ["reached", "complete"]].tolist() == [3, 3]
    parts = table.drop(columns="reached").sum(axis=1)
    assert parts.tolist() == table["reached"].tolist()
    result = figure("promotion_flow", halved)
    assert result.alt == "8 trials began, 3 reached epoch 9; 5 were pruned, 0 failed."


def test_what_failed_or_waits_is_counted_where_it_stopped(make_sweep: MakeSweep) -> None:
    statuses = [("FAILED", 0), ("DIVERGED", 4), ("PAUSED", 3), ("RUNNING", 5), ("PLANNED", 0), ("COMPLETE", 5)]
    trials = [
        arm_trial(f"t{i}", "resnet18", "fpn", i, 0.5, status=status, epochs_done=done, epochs_planned=9, attempts=1)
        for i, (status, done) in enumerate(statuses)
    ]
    description = DESCRIPTION | {"rungs": [3, 9], "prune": "asha"}
    table = promotion_table(SweepData(make_sweep(description=description, trials=trials))).set_index("epoch")
    # The planned trial never began; the complete one stopped early, which counts as its end.
    assert table.loc[0, ["reached", "failed", "went_on"]].tolist() == [5, 1, 4]
    assert table.loc[3, ["reached", "failed", "waiting", "under_way", "went_on"]].tolist() == [4, 1, 1, 1, 1]
    assert table.loc[9, ["reached", "complete"]].tolist() == [1, 1]


def test_a_sweep_without_pruning_has_no_flow(small: SweepData) -> None:
    with pytest.raises(NotApplicableError, match="needs a pruned sweep"):
        figure("promotion_flow", small)


def test_the_front_is_what_no_cheaper_arm_beats(make_sweep: MakeSweep) -> None:
    scores = {"unet": (0.5, 10), "fpn": (0.4, 20), "linknet": (0.7, 30), "pan": (0.6, 40)}
    trials = [
        arm_trial(f"t{d}", "resnet18", d, 0, score, parameters=size * 1000) for d, (score, size) in scores.items()
    ]
    result = figure("cost_parameters", SweepData(make_sweep(description=DESCRIPTION, trials=trials)))
    assert result.table[["arm", "cost", "front"]].values.tolist() == [
        ["decoder=unet", 10_000, True],
        ["decoder=fpn", 20_000, False],
        ["decoder=linknet", 30_000, True],
        ["decoder=pan", 40_000, False],
    ]
    assert "The line joins 2 arms that no other arm beats" in result.caption


def test_seconds_per_image_are_drawn_where_they_differ_from_seconds(make_sweep: MakeSweep) -> None:
    def arm(key: str, decoder: str, real: int, seconds: float) -> dict[str, Any]:
        more = {"train_real": real, "train_synthetic": 10, "train_seconds": seconds, "epochs_done": 5}
        return arm_trial(key, "resnet18", decoder, 0, 0.5, **more)

    data = SweepData(make_sweep("a", trials=[arm("a", "unet", 90, 50), arm("b", "fpn", 190, 200)]))
    assert figure("cost_per_image", data).table["cost"].tolist() == pytest.approx([0.1, 0.2])
    data = SweepData(make_sweep("b", trials=[arm("a", "unet", 90, 50), arm("b", "fpn", 90, 200)]))
    with pytest.raises(NotApplicableError, match="equals cost_seconds"):
        figure("cost_per_image", data)
    assert figure("cost_seconds", data).table["cost"].tolist() == [50, 200]


def test_progress_goes_by_time_and_keeps_the_best(make_sweep: MakeSweep) -> None:
    trials = [arm_trial(key, "resnet18", "fpn", i, 0.5, number=i) for i, key in enumerate("abs")]
    trials[2]["role"] = "stage"
    measured = [("a", 1, 0.3, 0), ("b", 1, 0.2, 1), ("b", 2, 0.45, 2), ("a", 2, 0.4, 3), ("s", 1, 0.9, 4)]
    epochs = [{"trial_key": k, "epoch": e, "selection_iou": v, "at": second(t)} for k, e, v, t in measured]
    baselines = {"baselines": {"all background": 0.25, "mean training mask, with target": 0.1}}
    data = SweepData(make_sweep(description=DESCRIPTION | baselines, trials=trials, epochs=epochs))
    table, total = progress_table(data)
    assert table.values.tolist() == [[1, 0.3, "a"], [3, 0.45, "b"]]
    assert total == 4
    chart = figure("progress", data).chart
    # A baseline over images with the target alone compares with no score here.
    assert [layer.name for layer in chart.layers if isinstance(layer, ReferenceLine)] == ["all background: 0.250"]
    (line,) = [layer for layer in chart.layers if isinstance(layer, Lines)]
    assert (line.x, line.y) == (((1, 3, 4),), ((0.3, 0.45, 0.45),))


def test_images_are_means_over_replicates(make_sweep: MakeSweep) -> None:
    trials = [arm_trial(key, "resnet18", "fpn", i, 0.5) for i, key in enumerate("ab")]
    values = {"a": (0.0, 0.2, 0.4, 0.6, 0.8), "b": (0.0, 0.4, 0.6, 0.8, 1.0)}
    images = [image(key, f"p{i // 2}", i, iou) for key, row in values.items() for i, iou in enumerate(row)]
    row = distribution_table(SweepData(make_sweep(trials=trials, images=images))).iloc[0]
    # Means: 0, 0.3, 0.5, 0.7, 0.9.
    assert [row[name] for name in ("p25", "median", "p75", "mean")] == pytest.approx([0.3, 0.5, 0.7, 0.48])
    assert (row["p05"], row["p95"]) == pytest.approx((0.06, 0.86))
    assert (row["missed"], row["images"], row["subjects"], row["replicates"]) == (0.2, 5, 3, 2)


def test_few_of_many_curves_are_drawn(make_sweep: MakeSweep, halved: SweepData) -> None:
    assert curves_table(halved)["trial_key"].nunique() == 8
    result = figure("curves", halved)
    assert "8 of 8 trials drawn (all)" in result.caption
    assert [layer.at for layer in result.chart.layers if isinstance(layer, ReferenceLine)] == [3.0]
    (stopped,) = [layer for layer in result.chart.layers if isinstance(layer, Points)]
    assert (stopped.marker, len(stopped.x)) == ("cross", 5)
    trials = [arm_trial(f"t{i:03}", f"e{i}", "fpn", 0, i / 1000, number=i) for i in range(200)]
    epochs = [{"trial_key": t["trial_key"], "epoch": 1, "selection_iou": t["selection_iou"]} for t in trials]
    data = SweepData(make_sweep("many", description=DESCRIPTION, trials=trials, epochs=epochs))
    keys = curves_table(data)["trial_key"].tolist()
    # The best ones are all drawn, and so is the worst.
    assert len(keys) == DRAWN
    assert keys[:15] == [f"t{i:03}" for i in range(199, 184, -1)]
    assert keys[-1] == "t000"
    assert "60 of 200 trials drawn" in figure("curves", data).caption


def test_parallel_coordinates_group_by_score(make_sweep: MakeSweep) -> None:
    trials = [arm_trial(f"t{i}", e, d, 0, 0.1 * i, number=i) for i, (e, d) in enumerate(PAIRS)]
    data = SweepData(make_sweep(description=DESCRIPTION, trials=trials))
    table = parallel_table(data)
    assert list(table.columns) == ["trial_key", "group", "encoder", "decoder", "selection_iou"]
    assert table[["trial_key", "group"]].values.tolist() == [
        ["t3", "best tenth"], ["t2", "upper half"], ["t1", "lower half"], ["t0", "lower half"],
    ]  # fmt: skip
    best = figure("parallel", data).chart.layers[-2]
    assert isinstance(best, Lines)
    # resnet18 and fpn are the second levels; spread by no more than 0.06 around 1. The score is the highest.
    assert best.name == "best tenth"
    assert best.y[0][0] == pytest.approx(1, abs=0.061) and best.y[0][2] == 1


def test_all_figures_say_what_they_miss(make_sweep: MakeSweep) -> None:
    drawn, missing = figures(SweepData(make_sweep(description={"factors": []})))
    assert drawn == {}
    assert set(missing) == set(FIGURES)
    assert missing["curves"] == "needs a measured epoch"


def test_arms_are_called_by_what_varies(make_sweep: MakeSweep) -> None:
    switches: list[dict[str, Any]] = [{"name": name, "levels": {"off": {}, "on": {}}} for name in ("cutout", "fog")]
    cells = [{"decoder": "fpn", "cutout": a, "fog": b} for a, b in (("on", "off"), ("off", "off"), ("on", "on"))]
    trials = [
        arm_trial(f"t{i}", "e", "d", 0, 0.5) | {"arm_key": f"a{i}", "cell": json.dumps(c)} for i, c in enumerate(cells)
    ]
    trials.append(arm_trial("n", "e", "d", 0, 0.5) | {"arm_key": "n", "cell": '{"arm": "none"}'})
    description = {"factors": [{"name": "decoder", "levels": {"fpn": {}}}, *switches]}
    data = SweepData(make_sweep(description=description, trials=trials))
    assert data.arm_names(["a0", "a1", "a2", "n"]) == ["cutout", "all switches off", "cutout + fog", "none"]
    # Where nothing has varied yet, the name has all levels.
    data = SweepData(make_sweep("one", description={"factors": switches}, trials=trials[:1]))
    assert data.arm_names(["a0"]) == ["decoder=fpn, cutout"]
