"""What a training restores lies where its parameters are: on their device, in their dtype and memory layout.

Fake tensors have a device and no content, so that CUDA can be pretended on a machine without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from seatbelt.config.trial import TrialConfig
from seatbelt.data.loading.trial_samples import TrialSamples
from seatbelt.models.weights import resolve
from seatbelt.training.checkpoint import Checkpoint, Tensors
from seatbelt.training.device import Execution
from seatbelt.training.micro_batch import BeforeStep
from seatbelt.training.trainer import Trainer
from tests.seatbelt.training.test_fit import config, samples

__all__ = ["samples"]

pytestmark = pytest.mark.slow

LAYOUTS = pytest.mark.parametrize("channels_last", [False, True])


@pytest.fixture(autouse=True)
def pretended_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every tensor be a fake one, and the random generator of a GPU that is not there be a tensor."""
    generator = torch.get_rng_state()
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: generator)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: None)
    monkeypatch.setattr(torch.nn.Module, "_apply", _apply)
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def _apply(self: torch.nn.Module, function: Callable[[torch.Tensor], torch.Tensor]) -> torch.nn.Module:
    """Move a module as torch does; its own way swaps tensors in place, which fake ones refuse."""
    for module in self.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = torch.nn.Parameter(function(parameter.detach()))
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = function(buffer)
    return self


def begin(trial: TrialConfig, samples: TrialSamples, device: str = "cuda:1") -> Trainer:
    return Trainer(trial, samples, resolve("lite0", "none"), Execution(device=device))


def trial_of(*, channels_last: bool, **changes: object) -> TrialConfig:
    return config(**{"optimisation.channels_last": channels_last, **changes})


def take_step(state: Trainer) -> None:
    """Take a step with arbitrary gradients, since backward passes of fake tensors need CUDA."""
    for group in state.optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.empty_like(parameter)
    state.optimizer.step()


def as_read(tensors: Tensors) -> Tensors:
    """Return tensors as a checkpoint's file gives them back: on the CPU, contiguous."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def saved(state: Trainer) -> Checkpoint:
    now = state.checkpoint()
    return Checkpoint(
        epoch=1, weights=as_read(now.weights), optimizer=as_read(now.optimizer), trainer=now.trainer, log=[]
    )


Place = tuple[torch.device, torch.dtype, tuple[int, ...]]


def places(state: Trainer) -> dict[str, Place]:
    """Return where everything lies that a step reads or writes."""
    tensors = {f"network {name}": tensor for name, tensor in state.network.state_dict().items()}
    names = {id(parameter): name for name, parameter in state.network.named_parameters()}
    for parameter, leaves in state.optimizer.state.items():
        tensors |= {f"{leaf} of {names[id(parameter)]}": value for leaf, value in leaves.items()}
    tensors |= {f"best {name}": tensor for name, tensor in (state.best_weights or {}).items()}
    tensors |= {"mean": state.normalisation.mean, "std": state.normalisation.std}
    return {name: (tensor.device, tensor.dtype, tensor.stride()) for name, tensor in tensors.items()}


@pytest.mark.parametrize(("channels_last", "decoder"), [(False, "linknet"), (True, "linknet"), (True, "deeplabv3plus")])
def test_a_restored_training_lies_where_a_fresh_one_does(
    samples: TrialSamples, channels_last: bool, decoder: str
) -> None:
    trial = trial_of(channels_last=channels_last, **{"model.decoder": decoder, "data.width": 32})
    fresh = begin(trial, samples)
    take_step(fresh)
    restored = begin(trial, samples)
    restored.restore(saved(fresh))
    assert places(restored) == places(fresh)
    assert {place[0] for place in places(restored).values()} == {torch.device("cuda:1")}
    take_step(restored)
    assert places(restored) == places(fresh), "a further step moves nothing"
    strides = {place[2] for name, place in places(restored).items() if name.startswith("exp_avg ")}
    assert any(len(stride) == 4 and stride[1] == 1 and stride[0] > 1 for stride in strides) or not channels_last


def test_a_training_moves_from_one_device_to_another(samples: TrialSamples) -> None:
    trial = trial_of(channels_last=True)
    for before, after in (("cuda:1", "cpu"), ("cpu", "cuda:0"), ("cuda:0", "cuda:1")):
        first = begin(trial, samples, before)
        take_step(first)
        second = begin(trial, samples, after)
        second.restore(saved(first))
        assert {place[0] for place in places(second).values()} == {torch.device(after)}


def test_tensors_of_a_checkpoint_that_lie_on_another_gpu_move_too(samples: TrialSamples) -> None:
    first = begin(trial_of(channels_last=True), samples, "cuda:0")
    take_step(first)
    checkpoint = first.checkpoint()
    second = begin(trial_of(channels_last=True), samples, "cuda:1")
    second.restore(checkpoint)
    assert {place[0] for place in places(second).values()} == {torch.device("cuda:1")}


@LAYOUTS
def test_weights_of_a_stage_and_of_the_best_epoch(samples: TrialSamples, channels_last: bool) -> None:
    state = begin(trial_of(channels_last=channels_last), samples)
    before = places(state)
    state.begin_with(as_read(dict(state.network.state_dict())))
    assert places(state) == before
    state._advance(1, validation_loss=0.5, selection_iou=0.5)
    network = {name: place for name, place in places(state).items() if name.startswith("network ")}
    assert state.best_weights is not None
    assert {name.replace("best ", "network "): p for name, p in places(state).items() if name.startswith("best ")} == (
        network
    )


@LAYOUTS
def test_encoder_weights_from_a_file(
    samples: TrialSamples, monkeypatch: pytest.MonkeyPatch, channels_last: bool
) -> None:
    # Files cannot be read into fake tensors.
    monkeypatch.setattr(
        "seatbelt.models.weights_file.encoder_state",
        lambda content, path, encoder, expected: {n: torch.empty(t.shape, dtype=t.dtype) for n, t in expected.items()},
    )
    random = begin(trial_of(channels_last=channels_last), samples)
    trial = trial_of(channels_last=channels_last, **{"model.weights": "imagenet"})
    loaded = Trainer(trial, samples, resolve("lite0", "imagenet"), Execution(device="cuda:1"))
    assert places(loaded) == places(random)


@LAYOUTS
def test_a_first_step_that_is_undone(samples: TrialSamples, channels_last: bool) -> None:
    state = begin(trial_of(channels_last=channels_last), samples)
    before, step = places(state), BeforeStep(state.network, "cuda:1")
    assert {tensor.device for tensor in step._tensors.values()} == {torch.device("cpu")}, "the GPU's memory is short"
    take_step(state)
    step.restore(state.optimizer)
    assert places(state) == before
    take_step(state)
    assert {place[0] for place in places(state).values()} == {torch.device("cuda:1")}


def test_a_batch_goes_to_the_device_of_the_network(samples: TrialSamples, monkeypatch: pytest.MonkeyPatch) -> None:
    state = begin(trial_of(channels_last=True), samples)
    inputs: list[torch.Tensor] = []

    def segment(network: Callable[..., torch.Tensor], images: torch.Tensor) -> torch.Tensor:
        inputs.append(images)
        return torch.empty(len(images), 1, *images.shape[2:], device=images.device)

    monkeypatch.setattr("seatbelt.models.inference.segment", segment)
    codes = torch.zeros(4, 32, 64, dtype=torch.uint8)
    logits, targets, valid = state._forward(state.network, (torch.zeros(4, 32, 64, 3, dtype=torch.uint8), codes))
    assert {tensor.device for tensor in (logits, targets, valid, *inputs)} == {torch.device("cuda:1")}
    assert inputs[0].is_contiguous(memory_format=torch.channels_last)
