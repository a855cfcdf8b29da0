"""Guided backpropagation (thesis, sections 2.5.1 and 3.4.2), with captum's rule for ReLUs.

The gradient of a prediction with respect to the image, where each ReLU passes only values that are positive both
forwards and backwards (Springenberg et al. 2015, https://arxiv.org/abs/1412.6806). The thesis starts at the last
convolutional layer; this module starts at the output of that layer at the size of the image, the logits.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections import Counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seatbelt.errors import UserError
from seatbelt.explain.predictor import Predictor, evaluating, predicted
from seatbelt.models.architectures import segment


def guided_backpropagation(predictor: Predictor, image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return how strongly each pixel of an image drives its prediction.

    The gradient is that of the sum of the target's logits over the predicted pixels, or over the whole image if nothing
    is predicted. The result adds its absolute values for red, green and blue.

    The computation uses a copy of the network. ReLU6 (in the lite encoders) is guided like ReLU and passes no gradient
    where it is cut off at 6. Gates such as a sigmoid pass their gradient.

    Args:
        predictor: The network. Its activations must be modules `ReLU` or `ReLU6`, as in all encoders and decoders of
            `seatbelt.models.architectures`.
        image: (H, W, 3), RGB.

    Returns:
        (H, W), in logits per grey level of 255.

    Raises:
        UserError: The network has activations that cannot be guided.
    """
    from captum.attr import GuidedBackprop

    values = torch.tensor(image, device=predictor.device).permute(2, 0, 1)[None].float().requires_grad_()
    where = predicted(predictor.logits(image[None]))
    if not bool(where.any()):
        where = torch.ones_like(where)
    guided = _Guided(predictor, where)
    with evaluating(guided), warnings.catch_warnings():
        guided.check(values)
        warnings.filterwarnings("ignore", "Setting backward hooks on ReLU activations", UserWarning)
        gradients = GuidedBackprop(guided).attribute(values)
    gradient: NDArray[np.float64] = gradients[0].detach().abs().sum(dim=0).double().cpu().numpy()
    return gradient


class _Guided(nn.Module):
    """A network whose output is the differentiated sum, with ReLUs that captum can guide."""

    def __init__(self, predictor: Predictor, where: torch.Tensor) -> None:
        super().__init__()
        self._normalisation = predictor.normalisation
        self._where = where
        self.network = copy.deepcopy(predictor.network).float()
        self.network.requires_grad_(False)
        self.network = _with_separate_relus(self.network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images (1, 3, H, W) of values from 0 to 255 to the sum of logits, (1,)."""
        logits = segment(self.network, self._normalisation(images))[:, 0]
        return torch.where(self._where, logits, 0).sum(dim=(1, 2))

    def check(self, images: torch.Tensor) -> None:
        """Compare the activations in the autograd graph with those that will be guided.

        Raises:
            UserError: Some activations are of another kind or are not modules.
        """
        calls = Counter[str]()

        def count(module: nn.Module, _: tuple[torch.Tensor, ...], __: torch.Tensor) -> None:
            calls["ReLU" if isinstance(module, nn.ReLU) else "ReLU6"] += 1

        modules = [module for module in self.network.modules() if isinstance(module, nn.ReLU | _CutOff)]
        handles = [module.register_forward_hook(count) for module in modules]
        try:
            activations = _activations(self(images))
        finally:
            for handle in handles:
                handle.remove()
        unguided = sorted(name for name in activations if activations[name] > calls[name])
        if unguided:
            raise UserError(
                f"guided backpropagation needs activations that are modules ReLU or ReLU6, but the network has "
                f"{' and '.join(unguided)} that are not; explain it by occlusion"
            )


class _CutOff(nn.Hardtanh):
    """The upper limit of a ReLU6."""

    def __init__(self) -> None:
        super().__init__(-math.inf, 6.0)


class _Copy(nn.Module):
    """Gives a ReLU a separate input: captum's rule changes the gradient of a tensor, including its other uses."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return a copy."""
        return values.clone()


def _with_separate_relus(module: nn.Module) -> nn.Module:
    """Replace ReLU and ReLU6 by equivalent modules that work out of place and that captum recognises."""
    if isinstance(module, nn.ReLU):
        return nn.Sequential(_Copy(), nn.ReLU())
    if isinstance(module, nn.ReLU6):
        return nn.Sequential(_Copy(), nn.ReLU(), _CutOff())
    # (named_children would skip the second name of a module with two names.)
    for name, child in list(module._modules.items()):
        if child is not None:
            setattr(module, name, _with_separate_relus(child))
    return module


_ACTIVATIONS = {
    "ReluBackward0": "ReLU",
    "HardtanhBackward0": "ReLU6",
    "SiluBackward0": "SiLU",
    "GeluBackward0": "GELU",
    "HardswishBackward0": "Hardswish",
    "EluBackward0": "ELU",
    "LeakyReluBackward0": "LeakyReLU",
    "PreluKernelBackward0": "PReLU",
    "MishBackward0": "Mish",
    "SoftplusBackward0": "Softplus",
}
"""Autograd node -> activation. Only ReLU and ReLU6 have a guided rule."""


def _activations(output: torch.Tensor) -> Counter[str]:
    """Count the activations in the graph of a tensor."""
    counts = Counter[str]()
    seen = set()
    remaining = [output.grad_fn]
    while remaining:
        node = remaining.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        name = _ACTIVATIONS.get(node.name())
        if name:
            counts[name] += 1
        remaining += [following for following, _ in node.next_functions]
    return counts
