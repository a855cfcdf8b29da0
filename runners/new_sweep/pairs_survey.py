"""Surveys the pairs of encoder and decoder of a sweep before the first trial, and excludes what cannot be built."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from search_spaces.coverage import representative_cells
from search_spaces.space import Cell, Exclusion, Space
from seatbelt.config.trial import ModelConfig, TrialConfig
from seatbelt.errors import UserError
from seatbelt.models.encoders import check_name
from seatbelt.models.feasibility import find_obstacle, is_proven
from seatbelt.text.wording import counted

_FIELDS = ("model.encoder", "model.decoder", "model.output_stride", "data.training_crop")
"""Prefixes of the fields that decide whether a network can be built (`model.encoder_depth` among them)."""


def exclude_unbuildable(
    space: Space, base: TrialConfig, size: tuple[int, int], note: Callable[[str], None]
) -> tuple[Exclusion, ...]:
    """Return an exclusion for every combination of encoder and decoder that cannot be built.

    Args:
        space: The search space.
        base: The configuration around it.
        size: Height and width of the images in pixels; crops have their own.
        note: Called before something is built.

    Raises:
        UserError: An encoder does not exist, or no combination can be built, or a named arm cannot.
    """
    models = list(_models(space, base, size))
    for encoder in dict.fromkeys(model.encoder for _, model, _ in models):
        check_name(encoder)
    untried = {(m.encoder, m.decoder, m.encoder_depth, m.output_stride) for _, m, _ in models if not is_proven(m)}
    if untried:
        note(f"checking which of {counted(len(untried), 'architecture')} can be built")
    _check_arms(space, base, size)
    deciding = [f.name for f in space.factors if f.range is None and any(p.startswith(_FIELDS) for p in f.fields)]
    exclusions = []
    for cell, model, trained in models:
        fault = find_obstacle(model, *trained)
        if fault is not None:
            reason = f"{model.decoder} with {model.encoder} cannot be built: {fault}"
            exclusions.append(Exclusion(reason=reason, labels={name: (cell[name],) for name in deciding}))
    if exclusions and len(exclusions) == len(models):
        others = f" (and {len(exclusions) - 1} more)" if len(exclusions) > 1 else ""
        raise UserError(f"no architecture is left: {exclusions[0].reason}{others}; change --set or --fix")
    return tuple(exclusions)


def _models(
    space: Space, base: TrialConfig, size: tuple[int, int]
) -> Iterator[tuple[Cell, ModelConfig, tuple[int, int]]]:
    """Yield a cell for every combination of the factors that decide the architecture, and the size it trains on."""
    for cell in representative_cells(space, _FIELDS):
        # Levels that contradict each other are refused elsewhere.
        with contextlib.suppress(UserError):
            config = space.config(base, cell, seed=base.seed)
            yield cell, config.model, size if config.data.training_crop is None else config.data.training_size


def _check_arms(space: Space, base: TrialConfig, size: tuple[int, int]) -> None:
    for cell in space.named_cells:
        model = space.config(base, cell, seed=base.seed).model
        check_name(model.encoder)
        fault = find_obstacle(model, *size)
        if fault is not None:
            (arm,) = cell.values()
            raise UserError(f"arm {arm}: {model.decoder} with {model.encoder} cannot be built: {fault}; leave it out")
