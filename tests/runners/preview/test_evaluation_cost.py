"""What predicting an image costs beside training on one."""

from __future__ import annotations

import pytest

from runners.preview.cost import _passes
from runners.preview.profiles import cost_key
from seatbelt.config.trial import TrialConfig


def config(**changes: object) -> TrialConfig:
    return TrialConfig().with_fields({"data.height": 192, "data.width": 320, **changes})


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({}, 1),
        # Four times the pixels of a crop.
        ({"data.training_crop": "96x160"}, 4),
        # Three tiles along each side, which overlap by half.
        ({"data.training_crop": "96x160", "data.evaluation": "tiles"}, 9),
        ({"data.evaluation": "tiles"}, 1),
    ],
)
def test_a_prediction_costs_passes_of_the_training_size(changes: dict[str, object], passes: float) -> None:
    assert _passes(config(**changes)) == passes


def test_a_crop_has_the_cost_of_images_of_its_size() -> None:
    small = TrialConfig().with_fields({"data.height": 96, "data.width": 160})
    assert cost_key(config(**{"data.training_crop": "96x160"})) == cost_key(small)
    assert cost_key(config(**{"optimisation.averaging": 0.9})) != cost_key(config())
