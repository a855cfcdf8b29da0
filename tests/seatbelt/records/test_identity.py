from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbelt.config.augmentation import TRANSFORMS
from seatbelt.config.trial import TrialConfig
from seatbelt.records.identity import arm_key, canonical_json, identifying_fields, trial_key

GOLDEN = {
    "default": ("bd0488843468", "44136fa355b3"),
    "seed 7": ("beced1fe6963", "44136fa355b3"),
    "belt and hair": ("be64f9436d0f", "d28d428c4fd1"),
    "smp's encoder": ("8c860e2efaa8", "f7dd6e2bc16f"),
    "timm's encoder": ("7f040d0aa7f1", "6ccab1c3db51"),
}
"""Keys that were recorded once: they are in people's results, so that they may never change."""


def golden_config(name: str) -> TrialConfig:
    changes = {
        "default": {},
        "seed 7": {"seed": 7},
        "belt and hair": {
            "model.encoder": "resnet101",
            "model.decoder": "fpn",
            "data.context": ("hair", "shirt"),
            "augmentation.transforms": ("random_fog", "cutout"),
            "optimisation.encoder_learning_rate": 3e-05,
            "data.generations": ("2", "6"),
        },
        "smp's encoder": {"model.encoder": "EfficientNet-B0", "model.decoder": "pan"},
        "timm's encoder": {"model.encoder": "tu-convnext_tiny", "model.decoder": "dpt", "model.weights": "none"},
    }
    return TrialConfig().with_fields(changes[name])


@pytest.mark.parametrize("name", GOLDEN)
def test_keys_never_change(name: str) -> None:
    config = golden_config(name)
    assert (trial_key(config), arm_key(config)) == GOLDEN[name]


def test_keys_are_the_same_in_another_process() -> None:
    code = "from tests.seatbelt.records.test_identity import *; print(trial_key(golden_config('belt and hair')))"
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert answer.stdout.strip() == trial_key(golden_config("belt and hair"))


def test_three_and_three_point_zero_are_alike() -> None:
    assert canonical_json({"a": 3}) == canonical_json({"a": 3.0}) == '{"a":3}'
    assert canonical_json({"b": 1, "a": -0.0}) == '{"a":0,"b":1}'
    assert trial_key(TrialConfig().with_fields({"loss.bce": 3})) == trial_key(
        TrialConfig().with_fields({"loss.bce": 3.0})
    )


def test_a_default_spelt_out_changes_nothing() -> None:
    spelt = TrialConfig().with_fields({"optimisation.batch_size": 4, "model.decoder": "Unet++"})
    assert trial_key(spelt) == trial_key(TrialConfig())


def test_epochs_are_a_budget_and_seed_is_no_part_of_the_arm() -> None:
    config = TrialConfig()
    longer = config.with_fields({"epochs": 9})
    seeded = config.with_fields({"seed": 1})
    assert trial_key(longer) == trial_key(config)
    assert arm_key(seeded) == arm_key(config)
    assert trial_key(seeded) != trial_key(config)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_without_canonical_form_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="without canonical form"):
        canonical_json([number])


@given(st.permutations(TRANSFORMS), st.permutations(["hair", "shirt", "skin"]), st.permutations(["2", "3", "6"]))
def test_sets_have_no_order(transforms: list[str], context: list[str], generations: list[str]) -> None:
    def config(a: list[str], b: list[str], c: list[str]) -> TrialConfig:
        fields = {"augmentation.transforms": a, "data.context": b, "data.generations": c}
        return TrialConfig().with_fields(fields)

    sorted_one = config(sorted(transforms), sorted(context), sorted(generations))
    assert trial_key(config(transforms, context, generations)) == trial_key(sorted_one)


@pytest.mark.slow
@given(
    st.recursive(
        st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_canonical_form_ignores_the_order_of_keys(value: object) -> None:
    def reverse(item: object) -> object:
        if isinstance(item, dict):
            return {key: reverse(item[key]) for key in reversed(item)}
        return [reverse(part) for part in item] if isinstance(item, list) else item

    assert canonical_json(value) == canonical_json(reverse(value))


def test_every_single_change_gives_another_key() -> None:
    changes = [
        {"model.encoder": "resnet18"},
        {"model.weights": "none"},
        {"data.real": True},
        {"data.height": 96},
        {"augmentation.probability": 0.5},
        {"augmentation.policy": "randaugment"},
        {"augmentation.policy": "randaugment", "augmentation.operations": 3},
        {"augmentation.policy": "trivialaugment"},
        {"augmentation.strength": 0.5},
        {"augmentation.strengths.cutout": 0.5},
        {"augmentation.probabilities.cutout": 0.5},
        {"optimisation.channels_last": True},
        {"loss.dice": 2},
        {"augmentation.transforms": (*TRANSFORMS, "horizontal_flip")},
        {"augmentation.library": {"Blur": {}}},
        {"augmentation.library": {"Blur": {"blur_limit": 7}}},
        {"augmentation.library": {"Blur": {}}, "augmentation.policy": "randaugment"},
    ]
    keys = {trial_key(TrialConfig().with_fields(change)) for change in changes} | {trial_key(TrialConfig())}
    assert len(keys) == len(changes) + 1
    assert identifying_fields(TrialConfig()) == {"seed": 0}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"augmentation.operations": 3}, {}),
        (
            {"augmentation.policy": "randaugment", "augmentation.probability": 0.5},
            {"augmentation.policy": "randaugment"},
        ),
        (
            {"augmentation.policy": "trivialaugment", "augmentation.probabilities.cutout": 0.5},
            {"augmentation.policy": "trivialaugment", "augmentation.operations": 5},
        ),
        (
            {"augmentation.library": {"Blur": {"p": 0.3}}, "augmentation.policy": "randaugment"},
            {"augmentation.library": {"Blur": {}}, "augmentation.policy": "randaugment"},
        ),
        (
            {"augmentation.library": {"Blur": {}}, "augmentation.transforms": (), "augmentation.strength": 2},
            {"augmentation.library": {"Blur": {}}, "augmentation.transforms": ()},
        ),
        (
            {"augmentation.transforms": (), "augmentation.policy": "randaugment", "augmentation.strength": 2},
            {"augmentation.transforms": ()},
        ),
        (
            {"augmentation.transforms": ("solarize",), "augmentation.strengths.cutout": 0.5},
            {"augmentation.transforms": ("solarize",)},
        ),
    ],
)
def test_what_an_augmentation_does_not_use_is_no_part_of_its_key(
    changes: dict[str, object], same: dict[str, object]
) -> None:
    one, other = (TrialConfig().with_fields(fields) for fields in (changes, same))
    assert trial_key(one) == trial_key(other)


def keyed(**changes: object) -> str:
    return trial_key(TrialConfig().with_fields(changes))


def test_epochs_belong_to_the_identity_where_the_schedule_depends_on_them() -> None:
    assert keyed(epochs=9) == keyed(epochs=50)
    for schedule in ("cosine", "polynomial"):
        short, long = (keyed(**{"optimisation.schedule": schedule, "epochs": epochs}) for epochs in (9, 50))
        assert short != long
    assert keyed(**{"optimisation.schedule": "constant", "epochs": 9}) == keyed(**{"optimisation.schedule": "constant"})


@pytest.mark.parametrize(
    ("unused", "using"),
    [
        ({"optimisation.momentum": 0.5}, {"optimisation.optimizer": "sgd"}),
        ({"optimisation.polynomial_power": 2}, {"optimisation.schedule": "polynomial"}),
        ({"loss.focal_gamma": 1}, {"loss.focal": 1}),
        ({"loss.tversky_missed": 0.5}, {"loss.tversky": 1}),
        ({"loss.boundary_width": 9}, {"loss.boundary": 1}),
    ],
)
def test_parameters_that_a_trial_does_not_use_are_no_part_of_its_identity(
    unused: dict[str, object], using: dict[str, object]
) -> None:
    assert keyed(**unused) == keyed()
    assert keyed(**using, **unused) != keyed(**using)


def test_the_plateau_is_no_part_of_another_schedule() -> None:
    constant = {"optimisation.schedule": "constant"}
    assert keyed(**constant, **{"optimisation.plateau_patience": 3}) == keyed(**constant)
    assert keyed(**{"optimisation.plateau_patience": 3}) != keyed()
