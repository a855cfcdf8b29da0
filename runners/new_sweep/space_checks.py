"""Checks the search space of a new sweep: which labels `all` means, and which configurations stand for the space."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from search_spaces.coverage import cells_for_each_level, combination_count, representative_cells
from search_spaces.factors import Factor
from search_spaces.space import NAMED_ARM, Cell, Propose, Protocol, Space
from seatbelt.config.notation import ALL
from seatbelt.config.trial import TrialConfig
from seatbelt.data.checks.label_coverage import NamedConfig
from seatbelt.data.datasets.labels import all_context
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.data.partition.splits import partition
from seatbelt.errors import UserError

MOST_CHECKED = 5_000
"""Spaces up to this size are checked cell by cell before anything runs."""

_CONTEXT = "data.context"
_GROUPS = ("data.", "model.")
"""Groups of fields that must fit each other: the data, and the encoder with its weights."""


def configs_to_check(space: Space, base: TrialConfig, tried: Sequence[Cell] = ()) -> list[TrialConfig]:
    """Return the configurations to check before anything runs, with the stages that they begin with.

    A small design or space is checked completely. A larger one: its named arms, one configuration for each level, and
    one for each combination of the factors of data and of the model.

    Args:
        space: The search space.
        base: The configuration around it.
        tried: Cells of the design; empty if the strategy chooses them during the sweep.

    Raises:
        UserError: Levels do not fit each other.
    """
    return [config for _, config in arms_to_check(space, base, tried)]


def arms_to_check(space: Space, base: TrialConfig, tried: Sequence[Cell] = ()) -> list[NamedConfig]:
    """Return the configurations of `configs_to_check` with the levels that decide their data: `generations=3-5`."""
    if 0 < len(tried) <= MOST_CHECKED:
        cells = list(tried)
    else:
        cells = space.named_cells + _some_cells(space)
    of_data = {factor.name for factor in space.factors if any(path.startswith("data.") for path in factor.fields)}
    arms = [(_arm_name(cell, of_data), space.config(base, cell, seed=base.seed)) for cell in cells]
    stages = [(f"{name} (pretraining)".strip(), stage) for name, config in arms if (stage := config.stage) is not None]
    return arms + stages


def _arm_name(cell: Cell, of_data: set[str]) -> str:
    return " ".join(
        label if factor == NAMED_ARM else f"{factor}={label}"
        for factor, label in cell.items()
        if factor in of_data or factor == NAMED_ARM
    )


def _some_cells(space: Space) -> list[Cell]:
    if not space.continuous and space.size <= MOST_CHECKED:
        return list(space.cells())
    cells = cells_for_each_level(space)
    for group in _GROUPS:
        if combination_count(space, (group,)) <= MOST_CHECKED:
            cells += representative_cells(space, (group,))
    return [cell for cell in cells if space.excluded(cell) is None]


def propose_and_design(protocol: Protocol, propose: Propose | None, design: str | None) -> tuple[Propose, str]:
    """Return the strategy and the design; a design that the user names is tried exhaustively.

    Raises:
        UserError: The two options contradict each other.
    """
    if design is not None:
        if propose not in (None, "exhaustive"):
            raise UserError(f"--design {design} contradicts --propose {propose}; use one of them")
        return "exhaustive", design
    if propose == "exhaustive" and protocol.propose != "exhaustive":
        return "exhaustive", "full"
    return propose or protocol.propose, protocol.design


def resolve_all_labels(
    factors: tuple[Factor, ...], base: TrialConfig, data: SweepData, note: Callable[[str], None]
) -> tuple[tuple[Factor, ...], TrialConfig, tuple[str, ...]]:
    """Replace `context=all` by every class of the training data but the target, and note the labels.

    Returns:
        Factors and base with the labels in place, and the labels that `all` means (empty if it is not used).
    """
    fields = [level.fields for f in factors for level in f.levels]
    if base.data.context != (ALL,) and not any(changes.get(_CONTEXT) == (ALL,) for changes in fields):
        return factors, base, ()
    configs = configs_to_check(Space(factors=factors), base)
    trained = {
        dataset
        for config in {config.data: config for config in configs}.values()
        for dataset, _ in partition(
            data.datasets,
            config.data,
            data.selection,
            seed=config.seed,
            subjects_per_data_set=data.subjects_per_data_set,
        ).train
    }
    labels = all_context([data.datasets[index].classes for index in sorted(trained)], base.data.target)
    note(f"context all: {', '.join(labels) or 'none'} (the classes of the data that are trained on)")
    if base.data.context == (ALL,):
        base = base.with_fields({_CONTEXT: labels})
    return tuple(_resolved(f, labels) for f in factors), base, labels


def _resolved(factor: Factor, labels: tuple[str, ...]) -> Factor:
    levels = tuple(
        dataclasses.replace(level, fields={**level.fields, _CONTEXT: labels})
        if level.fields.get(_CONTEXT) == (ALL,)
        else level
        for level in factor.levels
    )
    return dataclasses.replace(factor, levels=levels)
