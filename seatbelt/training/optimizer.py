"""The optimizer of a trial: built from the configuration, and its state as tensors of a checkpoint."""

from __future__ import annotations

import torch
from torch import nn

from seatbelt.config.optimisation import OptimisationConfig
from seatbelt.models.architectures import parameter_groups
from seatbelt.training.checkpoint import Tensors


def make_optimizer(network: nn.Module, optimisation: OptimisationConfig) -> torch.optim.Optimizer:
    """Return the optimizer of a network, with the groups `encoder` and `decoder` at their initial learning rates."""
    groups = [dict(group) for group in parameter_groups(network, optimisation)]
    if optimisation.optimizer == "adamw":
        return torch.optim.AdamW(groups, fused=True)
    if optimisation.optimizer == "sgd":
        # Nesterov's form of no momentum is plain descent, which torch refuses to call so.
        momentum = optimisation.momentum
        return torch.optim.SGD(groups, lr=1.0, momentum=momentum, nesterov=momentum > 0, fused=True)
    return torch.optim.Adam(groups, fused=True)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """Return the state of an optimizer, `<parameter index>.<name>`."""
    return {
        f"{index}.{name}": value
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
        if value is not None
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: Tensors) -> None:
    """Restore the state of an optimizer, which a checkpoint holds on the CPU and without a memory layout.

    Each tensor moves to the device of its parameter, because CUDA's fused kernel checks no devices. It also gets the
    memory layout of the parameter: only then does the arithmetic repeat bit for bit.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for name, value in saved.items():
        index, leaf = name.split(".", 1)
        parameter = parameters[int(index)]
        is_moment = value.shape == parameter.shape and leaf != "step"
        restored = torch.empty_like(parameter).copy_(value) if is_moment else value.to(parameter.device)
        optimizer.state[parameter][leaf] = restored
