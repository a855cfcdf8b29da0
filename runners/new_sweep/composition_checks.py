"""Sets the number of synthetic images of a sweep whose composition varies: the same for each arm."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Sequence

from runners.new_sweep.space_checks import MOST_CHECKED
from search_spaces.space import NAMED_ARM, Cell, Factor, Space
from seatbelt.config.field_paths import SHARE_FIELD
from seatbelt.config.trial import TrialConfig
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.data.partition.splits import most_synthetic

_NUMBERS = {"data.synthetic_images", "data.synthetic_share"}
"""Fields that set the number of synthetic images."""


def fix_number(
    space: Space,
    base: TrialConfig,
    tried: Sequence[Cell],
    data: SweepData,
    note: Callable[[str], None],
) -> TrialConfig:
    """Return the base with the largest number of synthetic images that every arm can have, and note it.

    Nothing changes if no factor varies the composition, or if the user set the number.

    Raises:
        UserError: The data cannot supply the shares of an arm.
    """
    varied = {path for factor in space.factors for path in factor.fields}
    is_set = base.data.synthetic_images is not None or base.data.synthetic_share is not None
    if is_set or varied & _NUMBERS or not any(f"{path}.".startswith(SHARE_FIELD) for path in varied):
        return base
    configs = (space.config(base, cell, seed=base.seed) for cell in _cells(space, tried))
    different = {config.data: config.data for config in configs}.values()
    most = min(
        most_synthetic(data.datasets, config, data.selection, subjects_per_data_set=data.subjects_per_data_set)
        for config in different
    )
    note(
        f"synthetic images: {most} in each arm, the most that every composition can have (training and validation "
        "part together; --fix synthetic_images=N changes it)"
    )
    return base.with_fields({"data.synthetic_images": most})


def _cells(space: Space, tried: Sequence[Cell]) -> Iterable[Cell]:
    """Return the cells of a design; for a search, the corners of the factors that decide the data."""
    if 0 < len(tried) <= MOST_CHECKED:
        return tried
    first = {factor.name: factor.label_at(0.0) for factor in space.factors}
    varied = [_ends(factor) for factor in space.factors if any(path.startswith("data.") for path in factor.fields)]
    corners = Space(factors=tuple(varied), exclusions=space.exclusions)
    cells = ({**first, **cell} for cell in itertools.islice(corners.cells(), MOST_CHECKED))
    named = ({NAMED_ARM: arm.name} for arm in space.arms)
    return itertools.chain(named, (cell for cell in cells if space.excluded(cell) is None))


def _ends(factor: Factor) -> Factor:
    """Return a factor with the ends of its range as levels, because the share of a stratum is largest at a corner."""
    if factor.range is None:
        return factor
    labels = [f"{factor.range.at(0.0):g}", f"{factor.range.at(1.0):g}"]
    return dataclasses.replace(factor, range=None, levels=tuple(factor.level(label) for label in labels))
