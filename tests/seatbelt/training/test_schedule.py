"""Learning rates by the progress of a training."""

from __future__ import annotations

import math

import pytest
import torch

from seatbelt.config.optimisation import OptimisationConfig
from seatbelt.training.schedule import Schedule, rate_factor


def of(**fields: object) -> OptimisationConfig:
    return OptimisationConfig.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "done", "expected"),
    [
        ({"schedule": "cosine"}, 0.0, 1.0),
        ({"schedule": "cosine"}, 2.0, (1 + math.sqrt(0.5)) / 2),
        ({"schedule": "cosine"}, 4.0, 0.5),
        ({"schedule": "cosine"}, 8.0, 0.0),
        # 2 of 8 epochs warm up; 5 is half of the rest.
        ({"schedule": "cosine", "warmup_epochs": 2}, 0.5, 0.25),
        ({"schedule": "cosine", "warmup_epochs": 2}, 5.0, 0.5),
        ({"schedule": "polynomial", "polynomial_power": 2}, 6.0, 1 / 16),
        ({"schedule": "constant"}, 7.9, 1.0),
        ({"schedule": "constant", "warmup_epochs": 4}, 3.0, 0.75),
        ({"schedule": "constant", "warmup_epochs": 4}, 4.0, 1.0),
    ],
)
def test_the_factor_is_that_of_the_formula(fields: dict[str, object], done: float, expected: float) -> None:
    assert rate_factor(of(**fields), 8, done) == pytest.approx(expected, abs=1e-12)


def test_rates_are_the_initial_ones_times_the_factor() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [
        {"params": [parameters[0]], "lr": 0.1, "name": "encoder"},
        {"params": [parameters[1]], "lr": 0.4, "name": "decoder"},
    ]
    schedule = Schedule(torch.optim.SGD(groups), of(schedule="cosine"), epochs=8)
    schedule.before_step(4.0)
    assert schedule.rates() == {"encoder": pytest.approx(0.05), "decoder": pytest.approx(0.2)}
    schedule.before_step(0.0)
    assert schedule.rates() == {"encoder": 0.1, "decoder": 0.4}, "from the initial rates, not from the last ones"
    schedule.after_epoch(8, math.inf)
    assert schedule.rates() == {"encoder": 0.1, "decoder": 0.4}


def test_the_plateau_begins_after_the_warm_up() -> None:
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.4, "name": "decoder"}])
    schedule = Schedule(optimizer, of(warmup_epochs=2, plateau_patience=0, plateau_factor=0.5), epochs=8)
    rates = []
    # The loss rises in each epoch. Epoch 3 is the first that the plateau sees, so that epoch 4 is no better.
    for epoch in range(1, 6):
        schedule.before_step(epoch - 0.5)
        rates.append(schedule.rates()["decoder"])
        schedule.after_epoch(epoch, float(epoch))
    assert rates == pytest.approx([0.1, 0.3, 0.4, 0.4, 0.2])
