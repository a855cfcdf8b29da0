"""Estimates the time and memory of a sweep from the profiles of its architectures on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from runners.core.plan import Plan
from runners.preview.profiles import cost_key, memory_of, profile_of
from search_spaces.coverage import combination_count, random_cells, representative_cells
from search_spaces.space import Cell
from seatbelt.config.trial import TrialConfig
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.errors import UserError
from seatbelt.models.tiling import tile_starts
from seatbelt.records.identity import content_hash
from seatbelt.training.device import choose_device

_MOST_CELLS = 64
"""Larger spaces are estimated from this many cells, evenly spread."""

_DECIDING = (
    *("model.encoder", "model.decoder", "model.output_stride", "data.height", "data.width", "data.context"),
    *("data.training_crop", "optimisation.batch_size", "optimisation.precision", "optimisation.channels_last"),
    *("optimisation.optimizer", "optimisation.momentum", "optimisation.averaging"),
)
"""Fields that decide the memory of a trial (`model.encoder_depth` among them)."""

_MOST_COMBINED = 5_000


def seconds_per_trial_epoch(plan: Plan, data: SweepData) -> float:
    """Return the mean seconds of one epoch of one trial with one thread, over the cells of the plan."""
    seconds = [_epoch_seconds(config, data) for config in _configs(plan, some_cells(plan))]
    return sum(seconds) / len(seconds)


def largest_bytes(plan: Plan) -> int:
    """Return the memory of the largest trial that the plan may try."""
    device = device_here()
    by_cost = {content_hash(cost_key(config, device)): config for config in _costs(plan)}
    return max(memory_of(config, device) for config in by_cost.values())


def some_cells(plan: Plan) -> list[Cell]:
    """Return cells that represent everything that the plan may try: of its design, or random ones."""
    if plan.propose == "exhaustive":
        cells = plan.design.cells
        return [cells[number] for number in range(0, len(cells), max(1, len(cells) // _MOST_CELLS))]
    return random_cells(plan.space, _MOST_CELLS) or [next(plan.space.cells())]


def device_here() -> str:
    """Return the device of profiles: the GPU of this machine if it has one."""
    return choose_device("auto")


def _costs(plan: Plan) -> list[TrialConfig]:
    """Return configurations with every combination of the deciding fields, others at their first level."""
    space = plan.space
    few = combination_count(space, _DECIDING) <= _MOST_COMBINED
    cells = [*space.named_cells, *(representative_cells(space, _DECIDING) if few else some_cells(plan))]
    configs = []
    for cell in cells:
        # No trial has levels that contradict each other.
        with contextlib.suppress(UserError):
            configs.append(space.config(plan.base, cell, seed=plan.base.seed))
    return configs or [plan.base]


def _configs(plan: Plan, cells: Iterable[Cell]) -> list[TrialConfig]:
    return [plan.space.config(plan.base, cell, seed=plan.base.seed) for cell in cells]


def _epoch_seconds(config: TrialConfig, data: SweepData) -> float:
    profile = profile_of(config, device_here())
    parts = data.partition(config)
    evaluated = len(parts.selection) + (0 if parts.validation == parts.selection else len(parts.validation))
    step = profile.forward_seconds + profile.backward_seconds
    return len(parts.train) * step + evaluated * _passes(config) * profile.forward_seconds


def _passes(config: TrialConfig) -> float:
    """Return how many forward passes of the training size the prediction of an image costs."""
    height, width = config.data.height, config.data.width
    rows, columns = config.data.training_size
    if config.data.tile is None:
        return height * width / (rows * columns)
    return len(tile_starts(height, rows)) * len(tile_starts(width, columns))
