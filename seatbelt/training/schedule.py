"""Learning rates over a training: a function of the progress, or of the validation loss at a plateau."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from seatbelt.config.optimisation import OptimisationConfig


class Schedule:
    """Sets the learning rates of an optimizer, which begins with the initial ones."""

    def __init__(self, optimizer: torch.optim.Optimizer, optimisation: OptimisationConfig, epochs: int) -> None:
        """Prepare a schedule.

        Args:
            optimizer: Its groups have the initial learning rates.
            optimisation: Which schedule, with its parameters.
            epochs: Full epochs of the trial.
        """
        self._optimizer, self._optimisation, self._epochs = optimizer, optimisation, epochs
        self._initial = [float(group["lr"]) for group in optimizer.param_groups]
        self._plateau = ReduceLROnPlateau(
            optimizer, factor=optimisation.plateau_factor, patience=optimisation.plateau_patience
        )

    def before_step(self, epochs_done: float) -> None:
        """Set the rates of a step.

        Args:
            epochs_done: Epochs from the beginning to the middle of the step, so that no step has a rate of 0.
        """
        plateau_began = self._optimisation.schedule == "plateau" and self._plateau.last_epoch > 0
        if plateau_began or not (self._optimisation.warmup_epochs or self._optimisation.depends_on_length):
            return
        factor = rate_factor(self._optimisation, self._epochs, epochs_done)
        for group, initial in zip(self._optimizer.param_groups, self._initial, strict=True):
            group["lr"] = initial * factor

    def after_epoch(self, epoch: int, validation_loss: float) -> None:
        """Lower the rates if the schedule is the plateau and the validation loss has stopped falling since warm-up."""
        if self._optimisation.schedule == "plateau" and epoch > self._optimisation.warmup_epochs:
            self._plateau.step(validation_loss)

    def rates(self) -> dict[str, float]:
        """Return the learning rate of each group by its name."""
        return {group["name"]: float(group["lr"]) for group in self._optimizer.param_groups}

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint needs, as JSON values."""
        state: dict[str, Any] = {"rates": [group["lr"] for group in self._optimizer.param_groups]}
        if self._optimisation.schedule == "plateau":
            names = ("best", "num_bad_epochs", "last_epoch")
            state["plateau"] = {name: getattr(self._plateau, name) for name in names}
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the state of a checkpoint."""
        for group, rate in zip(self._optimizer.param_groups, state["rates"], strict=True):
            group["lr"] = rate
        for name, value in state.get("plateau", {}).items():
            setattr(self._plateau, name, value)


def rate_factor(optimisation: OptimisationConfig, epochs: int, done: float) -> float:
    """Return the learning rate as a share of the initial one, by the progress.

    With w = `warmup_epochs`, the factor is done / w up to w; after that, with t = (done - w) / (epochs - w):

    * cosine: (1 + cos(pi t)) / 2 (arXiv:1608.03983, one period);
    * polynomial: (1 - t) ** `polynomial_power`;
    * constant, and plateau before it acts: 1.

    Args:
        optimisation: The schedule and its parameters.
        epochs: Full epochs of the trial.
        done: Epochs since the beginning, at most `epochs`.
    """
    warmup = optimisation.warmup_epochs
    if done < warmup:
        return done / warmup
    if not optimisation.depends_on_length:
        return 1.0
    progress = (done - warmup) / (epochs - warmup)
    if optimisation.schedule == "cosine":
        return (1 + math.cos(math.pi * progress)) / 2
    return float((1 - progress) ** optimisation.polynomial_power)
