"""Named axes and how their levels are written."""

from __future__ import annotations

import operator
from typing import Any

import pytest
from pydantic import BaseModel

from search_spaces.axes import factor
from search_spaces.axis_table import AXES, WITHOUT_AXIS, find_axis
from seatbelt.config.augmentation import TRANSFORMS
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError


def level(name: str, text: str) -> tuple[str, dict[str, Any]]:
    (parsed,) = factor(name, [text]).levels
    return parsed.label, dict(parsed.fields)


@pytest.mark.parametrize("name", AXES)
def test_every_axis_is_a_field_of_the_configuration(name: str) -> None:
    holder, leaf = AXES[name].field.rsplit(".", 1)
    if AXES[name].kind == "switch":
        assert (holder, leaf) == ("augmentation.transforms", name)
    else:
        assert leaf in type(operator.attrgetter(holder)(TrialConfig())).model_fields


def test_every_field_of_the_configuration_has_an_axis_or_a_reason_for_none() -> None:
    def leaves(record: BaseModel, prefix: str = "") -> set[str]:
        return {
            path
            for name, value in record
            for path in (leaves(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else {f"{prefix}{name}"})
        }

    covered = {axis.field for axis in AXES.values()} | WITHOUT_AXIS.keys()
    assert leaves(TrialConfig()) == {field for field in covered if not field.startswith("augmentation.transforms.")}


def test_no_two_axes_set_the_same_field() -> None:
    # An architecture is a decoder with an encoder, training data are generations and whether real images are there.
    several = ("architecture", "training_data", "regime", "loss")
    single = [axis.field for axis in AXES.values() if axis.kind not in several]
    assert len(set(single)) == len(single)


@pytest.mark.parametrize("name", [name for name, axis in AXES.items() if axis.levels and axis.kind != "regime"])
def test_the_usual_levels_are_accepted(name: str) -> None:
    base = TrialConfig().with_fields({"data.real": True})
    factor_ = factor(name)
    assert tuple(level_.label for level_ in factor_.levels) == AXES[name].levels
    if AXES[name].kind == "switch":
        sets = [base.with_fields(dict(level_.fields)).augmentation.transforms for level_ in factor_.levels]
        assert [name in chosen for chosen in sets] == [False, True]
        return
    if AXES[name].kind == "loss":
        return
    values = [operator.attrgetter(AXES[name].field)(base.with_fields(dict(level_.fields))) for level_ in factor_.levels]
    # The configuration holds each level's own value, in the form in which it is recorded.
    assert len(set(values)) == len(values)
    assert values == [level_.fields[AXES[name].field] for level_ in factor_.levels]


@pytest.mark.parametrize(
    ("name", "text", "label", "fields"),
    [
        ("encoder", "ResNet-18", "resnet18", {"model.encoder": "resnet18"}),
        ("encoder", "resnet18@none", "resnet18@none", {"model.encoder": "resnet18", "model.weights": "none"}),
        (
            "encoder",
            "EfficientNet-Lite0@imagenet",
            "lite0@imagenet",
            {"model.encoder": "lite0", "model.weights": "imagenet"},
        ),
        ("decoder", "Unet++", "unetplusplus", {"model.decoder": "unetplusplus"}),
        ("weights", "file:a/b.pth", "file:a/b.pth", {"model.weights": "file:a/b.pth"}),
        ("output_stride", "8", "8", {"model.output_stride": 8}),
        ("batch_size", "8.0", "8", {"optimisation.batch_size": 8}),
        ("encoder_learning_rate", "2e-4", "0.0002", {"optimisation.encoder_learning_rate": 0.0002}),
        ("real", "True", "true", {"data.real": True}),
        ("height", " 96 ", "96", {"data.height": 96}),
        ("synthetic_share", "0.90", "0.9", {"data.synthetic_share": 0.9}),
        ("context", "none", "none", {"data.context": ()}),
        ("context", "shirt + hair+shirt", "shirt + hair+shirt", {"data.context": ("hair", "shirt")}),
        ("context", "hair+upper=shirt|jacket", "hair+upper=shirt|jacket", {"data.context": ("hair", "jacket|shirt")}),
        ("context", "all", "all", {"data.context": ("all",)}),
        ("target", "belt = shoulder|lap", "lap|shoulder", {"data.target": "lap|shoulder"}),
        ("replacement", "true", "true", {"data.replacement": True}),
        ("sources", "all", "all", {"data.sources": ()}),
        ("sources", "mine+lab", "mine+lab", {"data.sources": ("lab", "mine")}),
        ("synthetic_share", "0", "0.0", {"data.synthetic_share": 0.0}),
        ("share.seat.empty", "0.10", "0.1", {"data.composition.seat=empty": 0.1}),
        ("share.seat.empty", "as_is", "as_is", {"data.composition.seat=empty": None}),
        ("share.rig.v1.2", "1", "1.0", {"data.composition.rig=v1.2": 1.0}),
        ("synthetic_images", "90", "90", {"data.synthetic_images": 90}),
        ("augmentation_policy", "randaugment", "randaugment", {"augmentation.policy": "randaugment"}),
        ("augmentation_operations", "3", "3", {"augmentation.operations": 3}),
        ("augmentation_strength", "2", "2.0", {"augmentation.strength": 2.0}),
        ("cutout_strength", "0.5", "0.5", {"augmentation.strengths.cutout": 0.5}),
        ("random_fog_probability", "1", "1.0", {"augmentation.probabilities.random_fog": 1.0}),
        ("generations", "none", "none", {"data.generations": ()}),
        ("generations", "5:.80+3:0.2", "5:.80+3:0.2", {"data.generations": ("3:0.2", "5:0.8")}),
        ("generations", "3-5", "3-5", {"data.generations": ("3", "4", "5")}),
        ("generations", "6+1-2", "6+1-2", {"data.generations": ("1", "2", "6")}),
        ("generations", "unity-hdrp", "unity-hdrp", {"data.generations": ("unity-hdrp",)}),
        ("augmentation", "none", "none", {"augmentation.transforms": ()}),
        ("augmentation", "all", "all", {"augmentation.transforms": TRANSFORMS}),
        (
            "augmentation",
            "sun_glare+all",
            "sun_glare+all",
            {"augmentation.transforms": (*TRANSFORMS, "sun_glare")},
        ),
        ("transform.Blur", "off", "off", {"augmentation.library.Blur": None}),
        ("transform.Blur", "on", "on", {"augmentation.library.Blur": "{}"}),
        (
            "transform.Blur",
            "blur_limit:3..7+p:0.5",
            "blur_limit:3..7+p:0.5",
            {"augmentation.library.Blur": '{"blur_limit":[3,7],"p":0.5}'},
        ),
        (
            "transform.Morphological",
            "operation:erosion",
            "operation:erosion",
            {"augmentation.library.Morphological": '{"operation":"erosion"}'},
        ),
        (
            "augmentation",
            "random_fog+Cutout",
            "random_fog+Cutout",
            {"augmentation.transforms": ("cutout", "random_fog")},
        ),
    ],
)
def test_levels_have_one_canonical_form(name: str, text: str, label: str, fields: dict[str, Any]) -> None:
    parsed = level(name, text)
    assert parsed == (label, fields)
    # 8 and 8.0 are equal in Python, but only one of them is what the configuration holds.
    assert [type(value) for value in parsed[1].values()] == [type(value) for value in fields.values()]


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("encoder", "resnet35", r"model\.encoder: there is no encoder 'resnet35'; did you mean .*resnet34"),
        ("encoder", "resnet18@", "weights must be none, imagenet or file:<path>, but got ''"),
        ("encoder", "resnet18@web", "weights must be none, imagenet or file:<path>, but got 'web'"),
        ("decoder", "", "axis 'decoder' has an empty level; write each value between the commas"),
        ("context", "", "axis 'context' has an empty level; write none for the empty set, else a\\+b"),
        (
            "context",
            "hair+a=b=c",
            "axis 'context': a label is CLASS, .* or NAME=CLASS\\|CLASS, but got 'a=b=c'",
        ),
        ("target", "a||b", "a label is CLASS, CLASS\\|CLASS or NAME=CLASS\\|CLASS, but got 'a\\|\\|b'"),
        ("sources", "", "axis 'sources' has an empty level; write all for all data sets, else a\\+b"),
        ("generations", "3:0.5+5", "either all generations have a share or none, but got 3:0.5\\+5"),
        ("generations", "3:0.5+5:0.4", "the shares of the generations must add up to 1, but 3:0.5\\+5:0.4 do not"),
        ("context", "hair++tie", "axis 'context' has an empty member in 'hair\\+\\+tie'; write none for"),
        ("generations", "5-3", "generations 5-3: a range must rise, by at most 100; write it as 3-5"),
        ("generations", "1-999999", "generations 1-999999: a range must rise, by at most 100"),
        ("augmentation", "cutout+fog", r"augmentation\.transforms\.1: input should be .* \(got 'fog'\)"),
        ("transform.Blur", "maybe", r"axis 'transform.Blur' takes off, on, or parameters such as .* got 'maybe'"),
        ("transform.Blur", "blur_limit:3+blur_limit:5", r"takes off, on, or parameters such as .*, each once, but got"),
        ("transform.Blur", "p:1.5", r"p must be a probability from 0 to 1, but got 1.5"),
        ("transform.", "blur_limit:3", r"the name of a transform consists of letters and digits, but got ''"),
        ("augmentation_policy", "RandAugment", r"augmentation\.policy: input should be 'independent', 'randaug"),
        ("augmentation_strength", "2.1", r"augmentation\.strength: input should be less than or equal to 2"),
        ("cutout_strength", "-1", r"augmentation\.strengths\.cutout: input should be greater than or equal to 0"),
        ("cutout_probability", "1.5", r"augmentation\.probabilities\.cutout: input should be less than or equal to 1"),
        ("augmentation_operations", "11", r"augmentation\.operations: input should be less than or equal to 10"),
        ("output_stride", "32", r"model\.output_stride: input should be 8 or 16 \(got 32\)"),
        ("batch_size", "4.5", r"optimisation\.batch_size: input should be a valid integer"),
        ("height", "tall", r"data\.height: input should be a valid integer.* \(got 'tall'\)"),
        ("real", "perhaps", r"data\.real: input should be a valid boolean"),
        ("synthetic_share", "1", r"data\.synthetic_share: input should be less than 1"),
        ("encoder_learning_rate", "nan", r"optimisation\.encoder_learning_rate: input should be a finite"),
    ],
)
def test_invalid_levels_are_refused(name: str, text: str, what: str) -> None:
    with pytest.raises(UserError, match=what):
        factor(name, [text])


@pytest.mark.parametrize(
    ("name", "levels", "what"),
    [
        ("encoder", ["resnet18", "ResNet18"], "factor 'encoder' lists the level 'resnet18' twice"),
        ("batch_size", ["4", "4.0"], "factor 'batch_size' lists the level '4' twice"),
        ("context", ["hair+tie", "tie+hair"], "two levels that mean the same: 'hair\\+tie' and 'tie\\+hair'"),
        ("generations", ["3-4", "3+4"], "two levels that mean the same: '3-4' and '3\\+4'"),
        (
            "augmentation",
            ["all", "+".join(TRANSFORMS)],
            "two levels that mean the same: 'all' and 'random_ro",
        ),
        ("height", None, "factor 'height' has no levels; give it at least one"),
    ],
)
def test_invalid_factors_are_refused(name: str, levels: list[str] | None, what: str) -> None:
    with pytest.raises(UserError, match=what):
        factor(name, levels)


def test_the_error_of_an_unknown_axis_lists_the_axes() -> None:
    with pytest.raises(
        UserError, match="there is no axis 'colour'; choose one of encoder, decoder, architecture, weights, "
    ):
        find_axis("colour")
    with pytest.raises(UserError, match="there is no axis 'colour'"):
        factor("colour", ["red"])
    with pytest.raises(UserError, match=r"no axis 'fog_strength'; .* TRANSFORM_strength with one of random_rotate90, "):
        find_axis("fog_strength")


@pytest.mark.parametrize("name", ["share.", "share.seat", "share.seat.", "share..empty", "share.my seat.empty"])
def test_a_share_that_names_no_tag(name: str) -> None:
    with pytest.raises(
        UserError, match=f"a share is named share.TAG.VALUE, such as share.seat.empty, but got '{name}'"
    ):
        find_axis(name)


def test_a_share_over_a_range() -> None:
    factor_ = factor("share.seat.empty", ["0..0.5"])
    assert factor_.range is not None
    assert (factor_.range.field, factor_.range.low, factor_.range.high) == ("data.composition.seat=empty", 0, 0.5)
    with pytest.raises(UserError, match="share: input should be less than or equal to 1"):
        factor("share.seat.empty", ["0..2"])


def test_a_loss_level_sets_the_weight_of_every_loss() -> None:
    levels = factor("loss", ["bce:2+boundary", "tversky"]).levels
    assert [level_.label for level_ in levels] == ["bce:2+boundary", "tversky"]
    weights = {name.removeprefix("loss."): weight for name, weight in levels[0].fields.items()}
    assert weights == {"bce": 2, "dice": 0, "iou": 0, "focal": 0, "tversky": 0, "lovasz": 0, "boundary": 1}


@pytest.mark.parametrize("text", ["bce+huber", "bce+bce", "", "bce:-1", "bce:x", "bce:0"])
def test_a_loss_level_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        factor("loss", [text])


def test_the_absence_of_a_number_is_a_level() -> None:
    assert [level_.fields for level_ in factor("averaging").levels] == [
        {"optimisation.averaging": None},
        {"optimisation.averaging": 0.999},
    ]


def test_weights_of_labels_are_checked_with_the_labels_of_the_trial() -> None:
    level_ = factor("label_weights", ["hair:2"]).levels[0]
    with pytest.raises(UserError, match="label_weights names hair, but the labels of the trial are seat_belt"):
        TrialConfig().with_fields(dict(level_.fields))
    weighted = TrialConfig().with_fields({**level_.fields, "data.context": ("hair",)})
    assert weighted.loss.weights_by_label == {"hair": 2.0}
