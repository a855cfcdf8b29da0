"""An exponential moving average of a network's weights (EMA)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from seatbelt.training.checkpoint import Tensors

_NETWORK = "network."
_COUNT = "averaged"


class WeightAverage:
    """Averages the weights of a network after each step; batch norm statistics are those of the network.

    After n steps the decay is the smaller of the configured one and (1 + n) / (10 + n), so that short trainings forget
    their random beginning (as in TensorFlow's ExponentialMovingAverage with `num_updates`).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self._network = network
        self._averaged = AveragedModel(network, multi_avg_fn=self._average)

    @property
    def network(self) -> nn.Module:
        """The network with the averaged weights."""
        module: nn.Module = self._averaged.module
        return module

    def update(self) -> None:
        """Take the network's weights after a step into the average."""
        self._averaged.update_parameters(self._network)

    def tensors(self) -> Tensors:
        """Return what a checkpoint needs beside the averaged weights: the network's own, and the number of steps."""
        current = {f"{_NETWORK}{name}": value for name, value in self._network.state_dict().items()}
        return {**current, _COUNT: self._averaged.n_averaged}

    def restore(self, averaged: Tensors, tensors: Tensors) -> Tensors:
        """Continue from a checkpoint, and return the tensors that are not the average's.

        Args:
            averaged: The averaged weights.
            tensors: Tensors of a checkpoint that contain those of `tensors`.
        """
        current = {name.removeprefix(_NETWORK): value for name, value in tensors.items() if name.startswith(_NETWORK)}
        self._network.load_state_dict(current)
        self.network.load_state_dict(averaged)
        self._averaged.n_averaged.copy_(tensors[_COUNT])
        return {name: value for name, value in tensors.items() if name != _COUNT and not name.startswith(_NETWORK)}

    def _average(
        self, averages: Sequence[torch.Tensor], weights: Sequence[torch.Tensor], _: torch.Tensor | int
    ) -> None:
        # The count stays on the CPU, so that reading it waits for no device.
        steps = int(self._averaged.n_averaged)
        decay = min(self._decay, (1 + steps) / (10 + steps))
        for average, weight in zip(averages, weights, strict=True):
            average.lerp_(weight, 1 - decay)
