"""What a user may change in a study, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runners.new_sweep.describe import describe
from runners.new_sweep.request import Request
from runners.new_sweep.space_options import best_architectures, narrow
from runners.sweep_files.description import SweepDescription
from search_spaces.catalogue import find_study
from search_spaces.factors import Factor, Level
from seatbelt.errors import UserError
from tests.analysis.conftest import write_sweep
from tests.conftest import MakeData


@pytest.fixture
def drawn(make_data: MakeData) -> Path:
    dataset = make_data(
        "drawn", subjects=4, images=1, test_subjects=1, generations=dict.fromkeys("23456", 4), first=102
    )
    description = json.loads((dataset / "dataset.json").read_text())
    description["classes"]["hat"] = 3
    (dataset / "dataset.json").write_text(json.dumps(description))
    return dataset


def ask(data: Path, study: str, **changes: Any) -> SweepDescription:
    fields = {"fix": ("weights=none",), **changes}
    return describe(Request(data=(data,), study=find_study(study), **fields))


def test_a_study_of_ten_switches_in_32_runs_and_four_arms_beside_them(drawn: Path) -> None:
    sweep = ask(drawn, "augmentation", design="fractional-32")
    assert (sweep.propose, sweep.design) == ("exhaustive", "fractional-32")
    assert list(sweep.arms) == ["none", "all_ten", "randaugment", "trivialaugment"]
    assert set(sweep.baseline.values()) == {"on"}, "table 3.4: all ten are on"
    plan = sweep.plan(limits=_limits())
    assert len(plan.design) == 36
    restored = SweepDescription.model_validate_json(sweep.model_dump_json())
    assert restored.plan(limits=_limits()).design.cells == plan.design.cells


def _limits() -> Any:
    from runners.core.plan import Limits

    return Limits()


def test_an_adaptive_study_is_tried_exhaustively_on_request(drawn: Path) -> None:
    fixed = ("weights=none", "cutout=off", "solarize=off", "random_fog=off", "grid_distortion=off", "random_crop=off")
    assert ask(drawn, "augmentation", fix=fixed, propose="exhaustive").design == "full"
    with pytest.raises(UserError, match="--design ofat contradicts --propose optuna"):
        ask(drawn, "augmentation", design="ofat", propose="optuna")


def test_all_subsets_of_some_labels() -> None:
    narrowed = narrow(find_study("labels").factors, all_subsets=("hair", "shirt"))
    (context,) = narrowed.factors.values()
    assert [level.label for level in context.levels] == ["none", "hair", "shirt", "hair+shirt"]


def test_levels_of_a_range() -> None:
    narrowed = narrow((), vary=["decoder_learning_rate=0.0001..0.01"], levels=["decoder_learning_rate=3"])
    assert [level.label for level in narrowed.factors["decoder_learning_rate"].levels] == ["0.0001", "0.001", "0.01"]


def test_a_fixed_condition_takes_the_place_of_the_factors_that_it_decides() -> None:
    assert narrow(find_study("augmentation").factors, fix=["augmentation=none"]).factors == {}
    left = narrow(find_study("architecture").factors, fix=["architecture=fpn/resnet18"])
    assert left.factors == {}
    assert left.changes == {"model.decoder": "fpn", "model.encoder": "resnet18"}


def pace_factor() -> Factor:
    levels = (
        Level(label="slow", fields={"optimisation.decoder_learning_rate": 0.0001}),
        Level(label="fast", fields={"optimisation.decoder_learning_rate": 0.01}),
    )
    return Factor(name="pace", levels=levels)


def test_a_factor_of_a_users_study_is_narrowed_by_its_labels() -> None:
    narrowed = narrow([pace_factor()], vary=["pace=fast"])
    assert [level.label for level in narrowed.factors["pace"].levels] == ["fast"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vary": ["pace=quick"]}, "factor 'pace' has no level 'quick'; choose among slow, fast"),
        ({"vary": ["speed=fast"]}, "there is no axis 'speed'"),
        ({"fix": ["encoder"]}, "--fix takes NAME=VALUE, but got 'encoder'"),
        ({"levels": ["pace=3"]}, "--levels pace=3: pace is no range; give one with --set pace=LOW"),
        (
            {"vary": ["decoder_dropout=0..0.5"], "levels": ["decoder_dropout=1"]},
            "--levels decoder_dropout takes a number from 2 to 100, but got '1'",
        ),
        ({"vary": ["decoder_dropout=0.5..0"]}, r"a range must rise, but got 0.5..0"),
        ({"vary": ["decoder_dropout=low..high"]}, "a range is two numbers such as 0.0001..0.01, but got 'low..high'"),
        ({"vary": ["batch_size=2..8"]}, "'batch_size' takes whole numbers or names, so that a range makes no sense"),
        ({"all_subsets": tuple("abcdefghijk")}, "--all-subsets takes up to 10 labels, but got 11"),
        (
            {"vary": ["architecture=fpn/lite0"], "fix": ["encoder=lite0"]},
            "--fix encoder=lite0 contradicts the factor architecture, which sets it too; narrow that with --set arch",
        ),
        ({"vary": ["regime=first"]}, "takes real, synthetic or synthetic_then_real"),
        ({"vary": ["cutout=maybe"]}, "axis 'cutout' is on or off, but got 'maybe'"),
        ({"vary": ["architecture=fpn"]}, "takes DECODER/ENCODER such as unetplusplus/resnet34, but got 'fpn'"),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        narrow([pace_factor()], **options)


def test_what_does_not_go_together_is_refused_by_name(drawn: Path) -> None:
    with pytest.raises(UserError, match=r"encoder_depth=3 cannot be combined: .*encoder_depth must be 5 for .* fpn"):
        ask(drawn, "hyperparameters", fix=("weights=none", "decoder=fpn"), design="full", vary=("encoder_depth=3,5",))


def test_a_label_that_no_training_image_shows_is_refused(drawn: Path) -> None:
    message = "context=hat cannot be combined with training on 6: none of the 3 training masks shows it"
    with pytest.raises(UserError, match=message):
        ask(drawn, "labels", vary=("context=none,hat",))
    assert ask(drawn, "labels", vary=("context=none,hair",)).space().size == 2


def test_six_architectures_of_a_finished_sweep(tmp_path: Path) -> None:
    names = ["unet/resnet18", "unet/resnet34", "unet/resnet50", "fpn/resnet18", "linknet/resnet50", "linknet/resnet18"]
    names += ["fpn/resnet34", "deeplabv3/resnet18"]
    rows = [
        {
            "trial_key": f"{number:012x}",
            "arm_key": f"{number:012x}",
            "decoder": name.split("/")[0],
            "encoder": name.split("/")[1],
            "cell": json.dumps({"architecture": name}),
            "status": "COMPLETE",
            "selection_iou": 0.9 - number / 100,
            "epochs_done": 9,
        }
        for number, name in enumerate(names)
    ]
    sweep = write_sweep(tmp_path / "sweep", trials=rows)
    assert best_architectures(sweep) == [
        "unet/resnet18",
        "unet/resnet34",
        "fpn/resnet18",
        "fpn/resnet34",
        "linknet/resnet50",
        "linknet/resnet18",
    ]
    few = write_sweep(tmp_path / "few", trials=rows[:4])
    with pytest.raises(UserError, match=r"has scores of 3 fitting architectures .* but three decoders with two"):
        best_architectures(few)


def test_a_comma_within_a_level_is_escaped() -> None:
    factors = narrow((), vary=[r"target=seat\, belt,hat"]).factors
    assert [level.fields["data.target"] for level in factors["target"].levels] == ["seat, belt", "hat"]
