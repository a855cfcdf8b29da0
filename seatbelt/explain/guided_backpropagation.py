"""Guided backpropagation (thesis, sections 2.5.1 and 3.4.2), with captum's rule for ReLUs.

The gradient of a prediction with respect to the image, where each ReLU lets through only what is positive both
forwards and backwards (Springenberg et al. 2015, https://arxiv.org/abs/1412.6806). The thesis derives it from the
last convolutional layer; here it is derived from what that layer gives out at the size of the image, the logits.
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

    The number that is derived is the sum of the target's logits over the predicted pixels, or over the whole image
    where nothing is predicted. Of its guided gradient, the absolute values of red, green and blue are added.

    A copy of the network is worked on, so that the network itself stays as it is. ReLU6 (of the lite encoders) is
    guided like ReLU and lets nothing back where it is cut off at 6. Gates such as a sigmoid pass their gradient on.

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
        found = GuidedBackprop(guided).attribute(values)
    gradient: NDArray[np.float64] = found[0].detach().abs().sum(dim=0).double().cpu().numpy()
    return gradient


class _Guided(nn.Module):
    """The number that is derived, as a network of its own whose ReLUs captum can guide."""

    def __init__(self, predictor: Predictor, where: torch.Tensor) -> None:
        super().__init__()
        self._normalise = predictor.normalise
        self._where = where
        self.network = copy.deepcopy(predictor.network).float()
        self.network.requires_grad_(False)
        self.network = _with_separate_relus(self.network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images (1, 3, H, W) of values from 0 to 255 to the sum of logits, (1,)."""
        logits = segment(self.network, self._normalise(images))[:, 0]
        return torch.where(self._where, logits, 0).sum(dim=(1, 2))

    def check(self, images: torch.Tensor) -> None:
        """Compare the activations that autograd sees with those that will be guided.

        Raises:
            UserError: Some are of another kind, or no modules.
        """
        calls = Counter[str]()

        def count(module: nn.Module, _: tuple[torch.Tensor, ...], __: torch.Tensor) -> None:
            calls["ReLU" if isinstance(module, nn.ReLU) else "ReLU6"] += 1

        modules = [module for module in self.network.modules() if isinstance(module, nn.ReLU | _CutOff)]
        handles = [module.register_forward_hook(count) for module in modules]
        try:
            found = _activations(self(images))
        finally:
            for handle in handles:
                handle.remove()
        strange = sorted(name for name in found if found[name] > calls[name])
        if strange:
            raise UserError(
                f"guided backpropagation needs activations that are modules ReLU or ReLU6, but the network has "
                f"{' and '.join(strange)} that are not; explain it by occlusion"
            )


class _CutOff(nn.Hardtanh):
    """What a ReLU6 does beyond a ReLU."""

    def __init__(self) -> None:
        super().__init__(-math.inf, 6.0)


class _Copy(nn.Module):
    """Gives a ReLU an input of its own: captum's rule is for the gradient of a tensor, whoever else reads it."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return a copy."""
        return values.clone()


def _with_separate_relus(module: nn.Module) -> nn.Module:
    """Replace ReLU and ReLU6 by parts that compute the same, out of place, and that captum finds."""
    if isinstance(module, nn.ReLU):
        return nn.Sequential(_Copy(), nn.ReLU())
    if isinstance(module, nn.ReLU6):
        return nn.Sequential(_Copy(), nn.ReLU(), _CutOff())
    # (named_children would pass over the second name of a module that has two.)
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
"""Node of autograd -> activation. Those that are no ReLU have no rule here."""


def _activations(output: torch.Tensor) -> Counter[str]:
    """Count the activations that a tensor was computed by."""
    found = Counter[str]()
    seen = set()
    left = [output.grad_fn]
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        name = _ACTIVATIONS.get(node.name())
        if name:
            found[name] += 1
        left += [following for following, _ in node.next_functions]
    return found
