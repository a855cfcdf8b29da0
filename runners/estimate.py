"""An estimate of a sweep's time, from one training step of each architecture on this machine."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np

from runners.plan import Plan
from search_spaces.space import Cell
from seatbelt.config import ModelConfig, TrialConfig
from seatbelt.data.cache import cache_folder
from seatbelt.data.sweep_data import SweepData

_MOST_CELLS = 64
"""Larger spaces are estimated from so many cells, evenly spread."""


def seconds_per_trial_epoch(plan: Plan, data: SweepData) -> float:
    """Return the mean seconds of one epoch of one trial with one thread, over the cells of the plan."""
    configs = [plan.space.config(plan.base, cell, seed=plan.base.seed) for cell in some_cells(plan)]
    known = _known()
    seconds = [_epoch_seconds(config, data, known) for config in configs]
    _file().parent.mkdir(parents=True, exist_ok=True)
    _file().write_text(json.dumps(known, indent=1), encoding="utf-8")
    return sum(seconds) / len(seconds)


def some_cells(plan: Plan) -> list[Cell]:
    """Return cells that stand for all that the plan may try: its design, or a spread over the space."""
    if plan.propose == "exhaustive":
        cells = plan.design.cells
        return [cells[number] for number in range(0, len(cells), max(1, len(cells) // _MOST_CELLS))]
    rng = np.random.default_rng(0)
    factors = plan.space.factors
    drawn = ({factor.name: factor.label_at(float(rng.random())) for factor in factors} for _ in range(_MOST_CELLS))
    allowed = [cell for cell in drawn if plan.space.excluded(cell) is None]
    return allowed or [next(plan.space.cells())]


def _epoch_seconds(config: TrialConfig, data: SweepData, known: dict[str, list[float]]) -> float:
    model = config.model
    key = f"{model.encoder} {model.decoder} {model.output_stride}"
    if key not in known:
        from seatbelt.training.profile import step_seconds

        # Weights do not change the time, and random ones need no file.
        plain = ModelConfig(encoder=model.encoder, decoder=model.decoder, output_stride=model.output_stride)
        known[key] = list(step_seconds(plain.model_copy(update={"weights": "none"})))
    train, evaluate = known[key]
    parts = data.partition(config)
    pixels = config.data.height * config.data.width
    evaluated = len(parts.selection) + (0 if parts.validation == parts.selection else len(parts.validation))
    return pixels * (len(parts.train) * train + evaluated * evaluate)


def _known() -> dict[str, list[float]]:
    try:
        found: dict[str, list[float]] = json.loads(_file().read_text(encoding="utf-8"))
        return found
    except (OSError, ValueError):
        return {}


def _file() -> Path:
    return cache_folder() / f"step-seconds-{platform.node()}.json"
