"""The thesis' figures: tables whose numbers were worked out by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from analysis.figures import figure
from analysis.figures.chart import Bars, Cells, NotApplicableError, Points, ReferenceLine
from analysis.figures.studies import COLUMNS, study_table
from analysis.figures.study_list import STUDY_FIGURES
from analysis.figures.sweep_data import SweepData
from tests.analysis.conftest import MakeSweep, trial
from tests.analysis.numbers import image

KINDS = {kind.name: kind for kind in STUDY_FIGURES}


def study(name: str, **levels: list[str]) -> dict[str, Any]:
    factors = [{"name": factor, "levels": {label: {} for label in labels}} for factor, labels in levels.items()]
    return {"study": name, "factors": factors}


def arm(key: str, test: float, replicate: int = 0, **cell: str) -> dict[str, Any]:
    name = "-".join(cell.values())
    row = trial(key, name, iou=test + 0.1, test=test)
    return row | {"cell": json.dumps(cell), "replicate": replicate, "role": "arm", "number": replicate}


def test_architectures_have_intervals_over_subjects(make_sweep: MakeSweep) -> None:
    trials = [
        arm("a0", 0.5, encoder="resnet18", decoder="fpn"),
        arm("a1", 0.6, replicate=1, encoder="resnet18", decoder="fpn"),
        arm("b0", 0.4, encoder="resnet34", decoder="unet"),
    ]
    # Person p0 has 0.4 in both replicates, p1 has 0.8: the bootstrap draws one of both, or each once.
    images = [image(key, f"p{i}", i, 0.4 + 0.4 * i) for key in ("a0", "a1") for i in (0, 1)]
    described = study("architecture", encoder=["resnet18", "resnet34"], decoder=["unet", "fpn"])
    data = SweepData(make_sweep(description=described, trials=trials, images=images))
    table = study_table(KINDS["architecture"], data)
    assert list(table.columns) == [column.name for column in COLUMNS]
    assert table[["x", "series", "replicates", "benchmark"]].values.tolist() == [
        ["resnet18", "fpn", 2, False],
        ["resnet34", "unet", 1, False],
    ]
    first = table.iloc[0]
    assert first["test_iou"] == pytest.approx(0.55)
    assert (first["test_low"], first["test_high"], first["subjects"]) == (pytest.approx(0.4), pytest.approx(0.8), 2)
    assert math.isnan(table["test_low"][1])
    result = figure("architecture", data)
    assert "figure 4.1 of the thesis" in result.caption
    assert "n = 1 to 2 trials per arm" in result.caption
    assert result.alt == "2 arms by encoder and decoder. Highest: resnet18, fpn, 0.550 [0.400, 0.800]; lowest: 0.400."
    # A series for each decoder, in the order of the space, side by side over its encoder.
    unet, fpn = result.chart.layers
    assert isinstance(unet, Points) and isinstance(fpn, Points)
    assert (unet.name, unet.x, unet.series) == ("unet", (pytest.approx(0.85),), 0)
    assert (fpn.name, fpn.x, fpn.series) == ("fpn", (pytest.approx(0.15),), 1)
    assert fpn.hover == ("resnet18, fpn: 0.550 [0.400, 0.800], n = 2",)


def test_real_images_are_the_benchmark_of_the_generations(make_sweep: MakeSweep) -> None:
    trials = [
        arm("a", 0.3, training_data="1", augmentation="none"),
        arm("b", 0.4, training_data="1", augmentation="all"),
        arm("c", 0.6, training_data="real", augmentation="all"),
    ]
    described = study("generations", training_data=["1", "real"], augmentation=["none", "all"])
    data = SweepData(make_sweep(description=described, trials=trials))
    assert study_table(KINDS["generations"], data)[["x", "series", "benchmark"]].values.tolist() == [
        ["1", "without augmentation", False],
        ["1", "with augmentation", False],
        ["real", "with augmentation", True],
    ]
    chart = figure("generations", data).chart
    (rule,) = [layer for layer in chart.layers if isinstance(layer, ReferenceLine)]
    assert (rule.name, rule.at, rule.series) == ("real images alone, with augmentation: 0.600", pytest.approx(0.6), 1)
    assert [name for _, name in chart.x.ticks] == ["1"]


def test_mixtures_show_shares_and_sample_sizes(make_sweep: MakeSweep) -> None:
    sizes = {"0.0": (341, 0), "0.9": (341, 3069)}
    trials = [
        arm(f"{share}-{weights}", score, synthetic_share=share, weights=weights)
        | {"train_real": sizes[share][0], "train_synthetic": sizes[share][1]}
        for share, weights, score in (("0.0", "none", 0.444), ("0.9", "none", 0.7), ("0.9", "imagenet", 0.8))
    ]
    described = study("mixing", synthetic_share=["0.0", "0.9"], weights=["imagenet", "none"])
    result = figure("mixing", SweepData(make_sweep(description=described, trials=trials)))
    assert result.table["images"].tolist() == [341, 3410, 3410]
    assert result.chart.x.ticks == ((0.0, "90% / 10%\n3,410 images"),)
    assert [layer.name for layer in result.chart.layers] == [
        "real images alone, random: 0.444", "ImageNet", "random",
    ]  # fmt: skip


def test_randomisation_is_a_table_of_four(make_sweep: MakeSweep) -> None:
    trials = [
        arm("a", 0.4722, training_data="6", augmentation="none"),
        arm("b", 0.3892, training_data="6+randomized", augmentation="none"),
        arm("c", 0.6848, training_data="6", augmentation="all"),
    ]
    described = study("randomization", training_data=["6", "6+randomized"], augmentation=["none", "all"])
    result = figure("randomization", SweepData(make_sweep(description=described, trials=trials)))
    (cells,) = result.chart.layers
    assert isinstance(cells, Cells)
    assert [name for _, name in result.chart.y.ticks] == ["without augmentation", "with augmentation"]
    assert cells.values == ((pytest.approx(0.4722), pytest.approx(0.3892)), (pytest.approx(0.6848), None))
    assert cells.texts[1] == ("0.685\nn = 1", "")


@pytest.mark.parametrize(
    ("name", "cells", "names"),
    [
        (
            "pretraining",
            [
                {"regime": regime, "architecture": "fpn/lite0"}
                for regime in ("synthetic", "real", "synthetic_then_real")
            ],
            ["synthetic only", "real only", "synthetic, then real"],
        ),
        (
            "initialization",
            [{"weights": weights, "architecture": "fpn/lite0"} for weights in ("imagenet", "none")],
            ["ImageNet", "random"],
        ),
        ("labels", [{"context": context} for context in ("none", "shirt+skin")], [""]),
    ],
)
def test_the_others_are_bars(make_sweep: MakeSweep, name: str, cells: list[dict[str, str]], names: list[str]) -> None:
    levels = {factor: list(dict.fromkeys(cell[factor] for cell in cells)) for factor in cells[0]}
    # The order of the levels is that of the space, whatever was planned first.
    trials = [arm(f"a{i}", 0.1 * (i + 1), **cell) for i, cell in reversed(list(enumerate(cells)))]
    chart = figure(name, SweepData(make_sweep(description=study(name, **levels), trials=trials))).chart
    assert all(isinstance(layer, Bars) for layer in chart.layers)
    assert [layer.name for layer in chart.layers] == names
    assert chart.layers[0].top[0] == pytest.approx(0.1)
    assert chart.y.low == 0


def test_figures_that_do_not_apply_say_why(make_sweep: MakeSweep) -> None:
    one = [arm("a", 0.5, encoder="resnet18", decoder="fpn", weights="none")]
    other = [arm("b", 0.5, encoder="resnet18", decoder="fpn", weights="imagenet")]
    levels = {"encoder": ["resnet18"], "decoder": ["fpn"], "weights": ["none", "imagenet"]}
    data = SweepData(make_sweep("a", description=study("mine", **levels), trials=[*one, *other]))
    with pytest.raises(NotApplicableError, match="varies only encoder and decoder, but 1 other factors vary"):
        figure("architecture", data)
    with pytest.raises(NotApplicableError, match="needs a sweep of the study labels: no factor context here"):
        figure("labels", data)
    data = SweepData(make_sweep("b", description=study("generations", training_data=["6"], augmentation=["all"])))
    with pytest.raises(NotApplicableError, match="needs a sweep of the study randomization; this is generations"):
        figure("randomization", data)
    unfinished = [one[0] | {"status": "RUNNING"}]
    data = SweepData(make_sweep("c", description=study("mine", **levels), trials=unfinished))
    with pytest.raises(NotApplicableError, match="nothing has been tested yet"):
        figure("architecture", data)
