"""The target's logits of images, on which every explanation is built."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seatbelt.models.inference import Normalisation, image_logits

Images = NDArray[np.uint8]
"""(N, H, W, 3), RGB."""


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A network with the processing between an image and a prediction."""

    network: nn.Module
    """Maps normalised images (N, 3, H, W) to logits (N, K, H, W), the target's in channel 0."""
    mean: tuple[float, float, float]
    """Mean of red, green and blue on a scale from 0 to 1."""
    std: tuple[float, float, float]
    """Standard deviation of red, green and blue on a scale from 0 to 1."""
    device: str = "cpu"
    """The torch device of the network."""
    bfloat16: bool = False
    """Predict under autocast, as in a trial of that precision. Gradients are always float32."""
    channels_last: bool = False
    """Memory layout of the images, as in the trial."""
    tile: tuple[int, int] | None = None
    """Height and width of the tiles that an image is predicted by, pixels; None for whole images."""

    @torch.no_grad()
    def logits(self, images: Images) -> torch.Tensor:
        """Return the target's logits (N, H, W), float32, on the device. The network keeps its mode."""
        assert images.ndim == 4 and images.shape[3] == 3 and images.dtype == np.uint8, f"{images.shape=}"
        pixels = torch.tensor(images, device=self.device)
        with evaluating(self.network):
            logits = image_logits(
                self.network,
                pixels,
                self.normalisation,
                channels_last=self.channels_last,
                bfloat16=self.bfloat16,
                tile=self.tile,
            )
        return logits[:, 0]

    def mask(self, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return the predicted mask (H, W) of an image (H, W, 3): probabilities above one half.

        This is the matrix of equation 3.1 of the thesis, with the threshold of the test scores.
        """
        return np.asarray(predicted(self.logits(image[None]))[0].cpu().numpy(), np.bool_)

    @property
    def normalisation(self) -> Normalisation:
        """The normalisation of the images, on the device of the network."""
        return Normalisation(self.mean, self.std, self.device)


def predicted(logits: torch.Tensor) -> torch.Tensor:
    """Return where a probability is above one half, for logits of any shape."""
    return logits > 0


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode; on exit each of its modules returns to its previous mode."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
