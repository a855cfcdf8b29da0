from __future__ import annotations

import pytest

from seatbelt.records.names import cell_name, number_or_key, replicate_name, trial_name


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ({"encoder": "resnet18", "decoder": "unet"}, "resnet18 unet"),
        ({"synthetic_share": "0.25", "weights": "imagenet"}, "synthetic_share=0.25 imagenet"),
        ({"generations": "2-6", "augmentation": "on"}, "generations=2-6 augmentation=on"),
        ({"context": "none", "rate": "1e-05"}, "context=none rate=1e-05"),
        ({"encoder": "lite0", "cutout": "on", "fog": "off", "blur": "on"}, "lite0 cutout+blur"),
        ({"cutout": "off", "fog": "off"}, "all switches off"),
        ({"arm": "randaugment"}, "randaugment"),
        ({}, ""),
    ],
)
def test_a_level_that_does_not_speak_for_itself_has_its_factor(cell: dict[str, str], name: str) -> None:
    assert cell_name(cell) == name


@pytest.mark.parametrize(
    ("replicate", "name"),
    [(0, "replicate 1"), (2, "replicate 3"), (100_000, "confirmation 1"), (100_004, "confirmation 5")],
)
def test_replicates_and_confirmations_are_counted_from_one(replicate: int, name: str) -> None:
    assert replicate_name(replicate) == name


def test_the_first_replicate_needs_no_word() -> None:
    cell = {"decoder": "unet"}
    assert [trial_name(cell, replicate) for replicate in (0, 1, 100_001)] == [
        "unet",
        "unet, replicate 2",
        "unet, confirmation 2",
    ]
    assert trial_name(cell, 1, "stage") == "unet, pretraining"


def test_a_trial_without_a_number_is_called_by_its_key() -> None:
    assert [number_or_key(number, "3f2a") for number in (7, None)] == ["[7]", "3f2a"]
