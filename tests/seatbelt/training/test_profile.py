"""Parameters, seconds and memory of a training step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seatbelt.config.optimisation import OptimisationConfig
from seatbelt.config.trial import DECODERS, TrialConfig
from seatbelt.models.architectures import build, count_parameters, segment
from seatbelt.models.weights import resolve
from seatbelt.training.profile import bytes_per_parameter, estimated_bytes, measure, saved_bytes, timed_size


def config(**changes: object) -> TrialConfig:
    fields = {"model.encoder": "lite0", "model.decoder": "linknet", "data.height": 32, "data.width": 64}
    return TrialConfig().with_fields({**fields, **changes})


def test_what_the_graph_keeps_of_a_small_network() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    # The input (2 x 3 floats) and what ReLU returns (2 x 4), kept by ReLU and by the second layer; no weight.
    assert saved_bytes(lambda: network(torch.zeros(2, 3)), network) == 24 + 32
    frozen = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid())
    assert saved_bytes(lambda: frozen(torch.zeros(10, 3)), frozen) == 120 + 160


def test_a_view_is_counted_with_its_storage_and_once() -> None:
    weight = nn.Linear(4, 4, bias=False)
    whole = torch.zeros(100, 4)
    # Two products keep two views of one storage of 1600 bytes.
    assert saved_bytes(lambda: weight(whole[:10]).sum() + weight(whole[50:60]).sum(), weight) == 1600


@pytest.mark.slow
@pytest.mark.parametrize("decoder", [name for name in DECODERS if name != "pan"])
def test_counted_without_computing_is_counted_with(decoder: str) -> None:
    trial = config(**{"model.decoder": decoder, "data.width": 32})
    network = build(trial.model.model_copy(update={"weights": "none"}), 1, weights=resolve(trial.model.encoder, "none"))
    from seatbelt.models.losses import segmentation_loss

    def loss() -> torch.Tensor:
        targets, valid = torch.zeros(4, 1, 32, 32), torch.ones(4, 1, 32, 32, dtype=torch.bool)
        return segmentation_loss(segment(network, torch.zeros(4, 3, 32, 32)).float(), targets, valid, trial.loss)

    expected = 16 * count_parameters(network) + saved_bytes(loss, network) + 4 * 32 * 32 * 4
    assert estimated_bytes(trial) == expected


@pytest.mark.slow
def test_memory_grows_with_what_it_should_grow_with() -> None:
    small = estimated_bytes(config())
    model = config(**{"model.weights": "none"}).model
    weights = 16 * count_parameters(build(model, 1, weights=resolve("lite0", "none")))
    double = estimated_bytes(config(**{"optimisation.batch_size": 8}))
    assert double - weights == pytest.approx(2 * (small - weights), rel=0.01)
    # The edges of small maps count for more than those of large ones.
    assert estimated_bytes(config(**{"data.height": 64})) - weights == pytest.approx(2 * (small - weights), rel=0.03)
    assert estimated_bytes(config(**{"data.context": ("hair",)})) > small
    assert estimated_bytes(config(**{"optimisation.precision": "bfloat16"})) < small
    # Sizes at which nothing could be run here take no memory.
    assert estimated_bytes(config(**{"data.height": 4096, "data.width": 4096, "optimisation.batch_size": 64})) > 2**36


@pytest.mark.slow
def test_a_measured_profile_is_plausible() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    profile = measure(config())
    assert torch.equal(torch.get_rng_state(), state), "a profile draws nothing from a trial's numbers"
    network = build(config(**{"model.weights": "none"}).model, 1, weights=resolve("lite0", "none"))
    assert profile.parameters == count_parameters(network)
    assert 0 < profile.forward_seconds < 10
    assert 0 < profile.backward_seconds < 10
    assert profile.memory_bytes == estimated_bytes(config())
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("size", "timed"),
    [
        ((32, 64), (32, 64)),
        ((120, 212), (120, 212)),
        ((480, 848), (96, 224)),
        ((4096, 32), (1888, 32)),
        ((512, 512), (160, 160)),
    ],
)
def test_large_images_are_timed_at_a_smaller_size(size: tuple[int, int], timed: tuple[int, int]) -> None:
    assert timed_size(*size) == timed


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 16),
        ({"optimizer": "adamw"}, 16),
        ({"optimizer": "sgd"}, 12),
        ({"optimizer": "sgd", "momentum": 0}, 8),
        ({"averaging": 0.99}, 20),
    ],
)
def test_bytes_for_each_parameter_follow_the_recipe(fields: dict[str, object], expected: int) -> None:
    assert bytes_per_parameter(OptimisationConfig.model_validate(fields)) == expected
