from __future__ import annotations

import json
import pickle

import pytest

from seatbelt.config.augmentation import NAMED_TRANSFORMS, TRANSFORMS, Probabilities, Strengths
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from tests.conftest import ROOT


def test_defaults_are_table_3_3() -> None:
    config = TrialConfig()
    optimisation = config.optimisation
    assert optimisation.batch_size == 4
    assert optimisation.encoder_learning_rate == 0.0002
    assert optimisation.decoder_learning_rate == 0.00025
    assert optimisation.encoder_weight_decay == 0.00003
    assert optimisation.decoder_weight_decay == 0.0003
    assert optimisation.plateau_factor == 0.5
    assert optimisation.plateau_patience == 6
    assert optimisation.early_stopping_patience == 50
    assert config.epochs == 50
    assert config.model.encoder_depth == 5
    assert config.model.decoder_dropout == 0
    assert (config.data.height, config.data.width) == (480, 848)


@pytest.mark.parametrize(
    ("written", "recorded"),
    [
        ("Unet++", "unetplusplus"),
        ("UnetPlusPlus", "unetplusplus"),
        ("DeepLabV3+", "deeplabv3plus"),
        ("LinkNet", "linknet"),
        ("ResNet-34", "resnet34"),
        ("resnet_152", "resnet152"),
        ("tf_efficientnet_lite0", "lite0"),
        ("EfficientNet-Lite2", "lite2"),
    ],
)
def test_names_are_normalised(written: str, recorded: str) -> None:
    field = "encoder" if recorded.startswith(("resnet", "lite")) else "decoder"
    assert TrialConfig().with_fields({f"model.{field}": written}).model_dump()["model"][field] == recorded


def test_a_configuration_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrialConfig().seed = 3  # type: ignore[misc]


def test_a_configuration_travels_and_is_a_key() -> None:
    config = TrialConfig().with_fields({"augmentation.strengths.cutout": 0.5, "augmentation.policy": "randaugment"})
    assert pickle.loads(pickle.dumps(config)) == config
    assert TrialConfig.model_validate_json(config.model_dump_json()) == config
    assert len({config, TrialConfig(), TrialConfig()}) == 2


def test_per_transform_values_know_every_named_transform() -> None:
    assert tuple(Strengths.model_fields) == tuple(Probabilities.model_fields) == NAMED_TRANSFORMS
    assert Strengths(cutout=0.5).of("cutout", 1.0) == 0.5
    assert Strengths(cutout=0.0).of("cutout", 1.0) == 0.0
    assert Strengths(cutout=0.5).of("solarize", 1.0) == 1.0


def test_transforms_come_in_table_order_and_once() -> None:
    config = TrialConfig().with_fields({"augmentation.transforms": ["RandomFog", "cutout", "cutout"]})
    assert config.augmentation.transforms == ("cutout", "random_fog")
    assert TrialConfig().augmentation.transforms == TRANSFORMS
    more = TrialConfig().with_fields({"augmentation.transforms": ["copy_paste", "cutout", "HorizontalFlip"]})
    assert more.augmentation.transforms == ("cutout", "horizontal_flip", "copy_paste")


def test_transforms_of_the_library_have_one_form() -> None:
    whole = {"Rotate": {"limit": [-5.0, 5]}, "Blur": {"p": 0.5, "blur_limit": 7.0}}
    config = TrialConfig().with_fields({"augmentation.library": whole})
    again = TrialConfig().with_fields(
        {"augmentation.library.Blur": '{"blur_limit": 7, "p": 0.5}', "augmentation.library.Rotate": {"limit": (-5, 5)}}
    )
    assert config == again and hash(config) == hash(again)
    assert [item.name for item in config.augmentation.library] == ["Blur", "Rotate"]
    assert [item.parameters for item in config.augmentation.library] == [
        '{"blur_limit":7,"p":0.5}',
        '{"limit":[-5,5]}',
    ]
    assert config.augmentation.library[0].arguments == {"blur_limit": 7}
    assert [item.probability for item in config.augmentation.library] == [0.5, None]
    assert TrialConfig.model_validate_json(config.model_dump_json()) == config
    assert [i.name for i in config.with_fields({"augmentation.library.Blur": None}).augmentation.library] == ["Rotate"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model.encoder": "resnet35"},
            r"^trial configuration: model.encoder: there is no encoder 'resnet35'; did you mean .*resnet34.*\? "
            r"`seatbelt studies --encoders '\*'` lists them, and timm:NAME is a model of timm \(got 'resnet35'\)$",
        ),
        ({"optimisation.batch_size": 0}, r"batch_size: input should be greater than or equal to 1 \(got 0\)"),
        ({"optimisation.encoder_learning_rate": float("nan")}, r"encoder_learning_rate: .*finite number"),
        ({"augmentation.transforms": ["solarise"]}, r"augmentation.transforms.0: .* \(got 'solarise'\)"),
        ({"augmentation.library": {"Blur 2": {}}}, r"name of a transform consists of letters .* got 'Blur 2'"),
        ({"augmentation.library": {"Blur": {"p": 2}}}, r"p must be a probability from 0 to 1, but got 2"),
        ({"augmentation.library": {"Blur": "[1"}}, r"parameters are a mapping of names .* got '\[1'"),
        ({"augmentation.library": {"Blur": {"p": float("inf")}}}, r"parameters are a mapping of names"),
        ({"augmentation.library": [{"name": "Blur"}, {"name": "Blur"}]}, r"library names Blur twice"),
        ({"augmentation.policy": "autoaugment"}, r"augmentation.policy: .* \(got 'autoaugment'\)"),
        ({"augmentation.strength": 2.5}, r"augmentation.strength: .* less than or equal to 2 \(got 2.5\)"),
        ({"augmentation.strengths": {"fog": 1}}, r"augmentation.strengths.fog: extra inputs are not permitted"),
        ({"augmentation.strengths.fog": 1}, r"configuration has no field 'augmentation.strengths.fog'"),
        ({"augmentation.probabilities.cutout": -1}, r"augmentation.probabilities.cutout: .* \(got -1\)"),
        (
            {"model.weights": "coco"},
            r"model.weights: weights must be none, imagenet or file:<path>, but got 'coco'",
        ),
        ({"model.depth": 3}, r"^the trial configuration has no field 'model.depth'$"),
        ({"data.real": False, "data.generations": ()}, "must hold real images or at least one generation"),
        ({"data.synthetic_share": 0.5}, "synthetic_share needs real images and generations to mix"),
        ({"data.composition": {"seat": 0.5}}, "the value of a tag must not begin or end with a space, but got ''"),
        ({"data.composition": {"a seat=empty": 0.5}}, "the name of a tag consists of letters, digits, _ and -"),
        ({"data.composition": {"seat=a": 0.5, "seat=b": 0.6}}, "shares of seat must add up to at most 1, .* to 1.1"),
        ({"data.composition.seat=empty": 1.5}, "share: input should be less than or equal to 1"),
        ({"data.composition.seat": 0.5}, "has no field 'data.composition.seat'; write data.composition.TAG=VALUE"),
        (
            {"data.synthetic_images": 9, "data.synthetic_share": 0.5, "data.real": True},
            "synthetic_images and synthetic_share both set the number of synthetic images; use one of them",
        ),
        (
            {"data.composition": {"seat=empty": 0.5}, "data.real": True, "data.generations": ()},
            "composition is about synthetic images, but there are no generations to draw from",
        ),
        ({"data.context": ("seat_belt",)}, "context must not repeat the target"),
        ({"loss.bce": 0, "loss.dice": 0, "loss.iou": 0}, "at least one of the loss weights"),
        ({"data.height": 16}, "data.height: input should be greater than or equal to 32"),
    ],
)
def test_invalid_input_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TrialConfig().with_fields(changes)


def test_every_field_of_table_3_3_is_documented() -> None:
    described = TrialConfig.model_json_schema()["$defs"]["OptimisationConfig"]["properties"]
    undocumented = [name for name, field in described.items() if "description" not in field]
    assert undocumented == []


def test_the_default_configuration_never_changes(request: pytest.FixtureRequest) -> None:
    golden = ROOT / "tests" / "golden" / "default_config.json"
    assert json.loads(golden.read_text()) == json.loads(TrialConfig().model_dump_json())


def test_shares_of_the_composition_have_one_form() -> None:
    whole = TrialConfig().with_fields({"data.composition": {"seat=empty": 0.2, "light=dim": 0}})
    again = TrialConfig().with_fields({"data.composition.light=dim": 0.0, "data.composition.seat=empty": 0.2})
    assert whole == again
    assert hash(whole) == hash(again)
    assert [str(item) for item in whole.data.composition] == ["light=dim:0", "seat=empty:0.2"]
    assert TrialConfig.model_validate_json(whole.model_dump_json()) == whole
    assert whole.with_fields({"data.composition.seat=empty": 0.3}).data.composition[1].share == 0.3
    assert whole.with_fields({"data.composition.seat=empty": None}).data.composition[0].tag == "light"
    # The value of a tag is free text.
    assert TrialConfig().with_fields({"data.composition.rig=v1.2=b": 0.1}).data.composition[0].value == "v1.2=b"


def test_a_stage_takes_all_images_of_its_generations() -> None:
    fields = {"pretraining.generations": ("2",), "data.composition": {"seat=empty": 0.2}, "data.synthetic_images": 9}
    stage = TrialConfig().with_fields(fields).stage
    assert stage is not None
    assert (stage.data.composition, stage.data.synthetic_images) == ((), None)
