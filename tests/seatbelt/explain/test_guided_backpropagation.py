from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from seatbelt.config.encoders import ENCODERS
from seatbelt.config.trial import DECODERS, ModelConfig
from seatbelt.errors import UserError
from seatbelt.explain.guided_backpropagation import guided_backpropagation
from seatbelt.explain.predictor import Predictor
from seatbelt.models.architectures import build
from seatbelt.models.weights import resolve
from tests.seatbelt.explain.networks import geometry, predictor


def two_units(activation: nn.Module) -> nn.Sequential:
    """Each pixel for itself: logit = 2 a(r - 2 g) - a(-r + 3 g + 2 b) / 2."""
    network = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), activation, nn.Conv2d(2, 1, 1, bias=False))
    network[0].weight.data = torch.tensor([[1.0, -2, 0], [-1, 3, 2]]).view(2, 3, 1, 1)
    network[2].weight.data = torch.tensor([[2.0, -0.5]]).view(1, 2, 1, 1)
    return network


def pixels(*colours: tuple[int, int, int]) -> np.ndarray:
    return np.asarray([colours], np.uint8) * np.uint8(255)


def test_a_small_network_by_hand() -> None:
    # Predicted are the first (logit 2) and the third (2 - 1/2); of the third, the gradient through the second unit
    # is negative and held back, which the plain gradient (2.5, -5.5, -1) has not.
    image = pixels((1, 0, 0), (0, 1, 0), (1, 0, 1))
    gradient_map = guided_backpropagation(predictor(two_units(nn.ReLU())), image)
    assert gradient_map == pytest.approx(np.asarray([[6, 0, 6]]) / 255)


def test_where_nothing_is_predicted_the_whole_image_counts() -> None:
    # Logits 0 (which is no prediction) and -1.5; the first unit is off in both, the second is held back.
    network = two_units(nn.ReLU())
    assert not guided_backpropagation(predictor(network), pixels((0, 0, 0), (0, 1, 0))).any()
    network[2].bias = nn.Parameter(torch.tensor([-9.0]))
    assert guided_backpropagation(predictor(network), pixels((1, 0, 0))) == pytest.approx(np.asarray([[6]]) / 255)


def test_relu6_lets_nothing_back_where_it_is_cut_off() -> None:
    image = pixels((1, 0, 0), (0, 0, 0))
    image[0, 1, 0] = 100
    network = two_units(nn.ReLU6(inplace=True))
    # The first unit is at 10 and 3.9: one above 6, one below.
    first = network[0]
    assert isinstance(first, nn.Conv2d)
    first.weight.data *= 10
    gradient_map = guided_backpropagation(predictor(network), image)
    assert gradient_map == pytest.approx(np.asarray([[0, 60]]) / 255)


class Twice(nn.Module):
    """One ReLU in two places, in place, and an input of it that is read elsewhere too."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Conv2d(4, 1, 1)
        self.relu = nn.ReLU()
        self.same = self.relu

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        before = self.first(images)
        after = self.relu(before)
        return self.head(self.same(self.second(after)) - before)


class _Rule(torch.autograd.Function):
    """Guided backpropagation's rule, written down once more."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, top: float) -> torch.Tensor:
        ctx.save_for_backward(values)
        ctx.top = top
        return values.clamp(0, top)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (values,) = ctx.saved_tensors
        return gradient * (gradient > 0) * (values > 0) * (values < ctx.top), None


class Guided(nn.Module):
    def __init__(self, top: float) -> None:
        super().__init__()
        self.top = top

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return _Rule.apply(values, self.top)


def by_the_rule(predictor_: Predictor, image: np.ndarray) -> np.ndarray:
    network = copy.deepcopy(predictor_.network).eval()
    for module in list(network.modules()):
        for name, child in list(module._modules.items()):
            if isinstance(child, nn.ReLU | nn.ReLU6):
                setattr(module, name, Guided(6.0 if isinstance(child, nn.ReLU6) else float("inf")))
    values = torch.tensor(image).permute(2, 0, 1)[None].float().requires_grad_()
    logits = network(predictor_.normalisation(values))[:, 0]
    chosen = logits[logits > 0] if (logits > 0).any() else logits
    (gradient,) = torch.autograd.grad(chosen.sum(), values)
    return gradient[0].abs().sum(dim=0).numpy()


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_reused_relus_and_skip_connections_are_guided() -> None:
    predictor_ = predictor(Twice())
    image = noise(32, 32)
    assert np.allclose(guided_backpropagation(predictor_, image), by_the_rule(predictor_, image), rtol=1e-4, atol=1e-8)


def predictor_of(encoder: str, decoder: str) -> Predictor:
    torch.manual_seed(0)
    initial = resolve(encoder, "none")
    network = build(ModelConfig(encoder=encoder, decoder=decoder, weights="none"), 2, weights=initial)
    return Predictor(network=network, mean=initial.mean, std=initial.std)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [*(("resnet18", name) for name in DECODERS if name not in ("dpt", "pan")), ("lite0", "linknet"), ("lite0", "fpn")],
)
def test_every_decoder_is_guided_and_left_as_it_was(encoder: str, decoder: str) -> None:
    predictor_ = predictor_of(encoder, decoder)
    network = predictor_.network
    network.train()
    network.get_submodule("encoder").eval()
    modes = [module.training for module in network.modules()]
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    image = noise(64, 96)
    gradient_map = guided_backpropagation(predictor_, image)
    assert gradient_map.shape == (64, 96) and np.isfinite(gradient_map).all() and gradient_map.sum() > 0
    assert np.allclose(gradient_map, by_the_rule(predictor_, image), rtol=1e-3, atol=1e-4 * gradient_map.max())
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_is_guided(encoder: str) -> None:
    predictor_ = predictor_of(encoder, "linknet")
    image = noise(64, 96)
    gradient_map = guided_backpropagation(predictor_, image)
    assert np.allclose(gradient_map, by_the_rule(predictor_, image), rtol=1e-3, atol=1e-4 * gradient_map.max())


def test_any_size_and_a_network_that_looks_at_nothing() -> None:
    assert guided_backpropagation(predictor_of("resnet18", "linknet"), noise(50, 70)).shape == (50, 70)
    gradient_map = guided_backpropagation(predictor(lambda images: geometry(images) + 0 * images[:, 0]), noise(20, 27))
    assert gradient_map.shape == (20, 27) and not gradient_map.any()


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.conv(images))


@pytest.mark.parametrize(
    ("network", "name"),
    [
        (Functional(), "ReLU"),
        (two_units(nn.SiLU()), "SiLU"),
        (two_units(nn.Hardtanh()), "ReLU6"),
        (nn.Sequential(nn.LeakyReLU(), two_units(nn.GELU())), "GELU and LeakyReLU"),
    ],
)
def test_activations_that_cannot_be_guided_are_refused(network: nn.Module, name: str) -> None:
    message = f"modules ReLU or ReLU6, but the network has {name} that are not; explain it by occlusion"
    with pytest.raises(UserError, match=message):
        guided_backpropagation(predictor(network), noise(8, 8))
