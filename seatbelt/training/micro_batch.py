"""Micro-batches: the parts of a batch when memory is too small for the whole.

Batch norm sees one part at a time, and Dice and IoU are pooled over a part. So the numbers depend on the size of the
parts, which is fixed in the first step of a trial.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from seatbelt.config.trial import ModelConfig
from seatbelt.models.feasibility import is_proven, takes_single_images

HALVINGS = 2
"""Number of halvings of the batch before a trial counts as too large."""

WHOLE_MAPS = ("deeplabv3", "deeplabv3plus", "pan", "upernet")
"""Decoders whose batch norm sees a single value per channel and image and therefore needs two images."""


def halved(micro_batch: int, *, batch_size: int, images: int) -> int | None:
    """Return half of a micro-batch, None if that is less than a quarter of the batch or than a number of images.

    Args:
        micro_batch: The micro-batch that was too large.
        batch_size: The batch.
        images: The fewest images that the network trains on, see `fewest_images`.
    """
    least = max(1, batch_size // 2**HALVINGS, images)
    half = micro_batch // 2
    return half if half >= least else None


def fewest_images(model: ModelConfig, height: int, width: int) -> int:
    """Return the number of images that batch norm needs: two if it sees a single value per channel and image."""
    if model.decoder in WHOLE_MAPS:
        return 2
    return 1 if is_proven(model) or takes_single_images(model, height, width) else 2


def part_sizes(images: int, micro_batch: int) -> list[int]:
    """Return the sizes of the parts of a batch; a single remaining image joins the previous part."""
    full, rest = divmod(images, micro_batch)
    sizes = [micro_batch] * full + [rest] * bool(rest)
    if rest == 1 and full and micro_batch > 1:
        sizes[-2:] = [micro_batch + 1]
    return sizes


class BeforeStep:
    """A copy of everything that a failing step may have changed besides the gradients.

    These are buffers, random generators, Adam's moments, and the parameters: the optimizer allocates the moments of one
    group after it has updated the previous group.
    """

    def __init__(self, network: nn.Module, device: str) -> None:
        self._network, self._device = network, device
        # In host memory, because device memory is short.
        self._tensors: Mapping[str, torch.Tensor] = {
            name: tensor.detach().to("cpu", copy=True) for name, tensor in network.state_dict().items()
        }
        self._random = torch.get_rng_state()
        self._random_cuda = torch.cuda.get_rng_state(device) if device.startswith("cuda") else None

    def restore(self, optimizer: torch.optim.Optimizer) -> None:
        """Undo a first step that ran out of memory, and free its memory."""
        optimizer.zero_grad(set_to_none=True)
        optimizer.state.clear()
        with torch.no_grad():
            for name, tensor in self._network.state_dict().items():
                tensor.copy_(self._tensors[name])
        torch.set_rng_state(self._random)
        if self._random_cuda is not None:
            torch.cuda.set_rng_state(self._random_cuda, self._device)
            torch.cuda.empty_cache()
