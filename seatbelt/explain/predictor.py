"""From images of a data set to the target's logits: what every explanation asks a network for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seatbelt.models.architectures import segment

Images = NDArray[np.uint8]
"""(N, H, W, 3), RGB."""


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A network together with what a trial does between an image and a prediction."""

    network: nn.Module
    """Maps normalised images (N, 3, H, W) to logits (N, K, H, W), the target's in channel 0."""
    mean: tuple[float, float, float]
    """Of red, green and blue on a scale from 0 to 1, subtracted from the images."""
    std: tuple[float, float, float]
    """The same, to divide by afterwards."""
    device: str = "cpu"
    """A torch device, on which the network lies already."""
    bfloat16: bool = False
    """Predict under autocast, as trials of that precision are tested. Gradients are always float32."""
    channels_last: bool = False
    """Memory layout of the images, as the trial has it."""

    @torch.no_grad()
    def logits(self, images: Images) -> torch.Tensor:
        """Return the target's logits (N, H, W), float32, on the device; a network in training mode stays in it."""
        assert images.ndim == 4 and images.shape[3] == 3 and images.dtype == np.uint8, f"{images.shape=}"
        values = torch.tensor(images, device=self.device).permute(0, 3, 1, 2).float()
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        values = self.normalise(values).contiguous(memory_format=layout)
        kind = self.device.split(":")[0]
        with evaluating(self.network), torch.autocast(kind, dtype=torch.bfloat16, enabled=self.bfloat16):
            found = segment(self.network, values)
        return found[:, 0].float()

    def mask(self, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return the prediction (H, W) of an image (H, W, 3): where the target is at least as likely as not.

        That is the matrix of the thesis' equation 3.1, with the threshold that test scores have.
        """
        return np.asarray(predicted(self.logits(image[None]))[0].cpu().numpy(), np.bool_)

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Return images (N, 3, H, W) of values from 0 to 255 as the network takes them."""
        mean = torch.tensor(self.mean, device=images.device).view(1, 3, 1, 1) * 255
        std = torch.tensor(self.std, device=images.device).view(1, 3, 1, 1) * 255
        return (images - mean) / std


def predicted(logits: torch.Tensor) -> torch.Tensor:
    """Return where a probability is above one half, for logits of any shape."""
    return logits > 0


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode for a while; afterwards each of its modules is in the mode it was in."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
