"""Sets the number of synthetic images of a sweep whose composition varies: the same for each arm."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

from runners.new_sweep.space_checks import MOST_CHECKED
from search_spaces.coverage import representative_cells
from search_spaces.space import Cell, Space
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
    # With the ends of ranges: a stratum's share is largest at a corner of the space.
    corners = representative_cells(space, ("data.",), range_ends=True)
    allowed = (cell for cell in corners if space.excluded(cell) is None)
    return [*space.named_cells, *itertools.islice(allowed, MOST_CHECKED)]
