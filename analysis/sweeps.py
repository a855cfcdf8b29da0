"""Several sweeps read as one, with a first column that names the sweep."""

from __future__ import annotations

import glob
import html
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.reading.tables import ArmRole, Location, Source
from analysis.reading.trial_cells import factor_column
from analysis.sweep import Sweep
from seatbelt.errors import UserError
from seatbelt.storage.base import is_remote
from seatbelt.text.wording import counted

if TYPE_CHECKING:
    import pandas as pd


class Sweeps:
    """The results of several sweeps: the tables of `Sweep` with a first column `sweep`.

    Attributes:
        sweeps: Name -> sweep. A name is the last part of the location, or more parts if needed to be unique.
    """

    def __init__(self, sweeps: Iterable[Sweep]) -> None:
        opened = list(sweeps)
        self.sweeps: dict[str, Sweep] = dict(zip(_names([sweep.root for sweep in opened]), opened, strict=True))

    @property
    def root(self) -> str:
        """The locations, for messages."""
        return ", ".join(sweep.root for sweep in self.sweeps.values())

    @property
    def parts(self) -> Sequence[tuple[str | None, Sweep]]:
        """The sweeps, each with its name in the column `sweep`."""
        return list(self.sweeps.items())

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial (columns: `sweep`, then `seatbelt.records.tables.TRIALS`)."""
        return self._joined(lambda sweep: sweep.trials)

    @property
    def epochs(self) -> pd.DataFrame:
        """One row per trial and epoch (columns: `sweep`, then `seatbelt.records.tables.EPOCHS`)."""
        return self._joined(lambda sweep: sweep.epochs)

    @property
    def images(self) -> pd.DataFrame:
        """One row per complete trial and test image (columns: `sweep`, then `seatbelt.records.tables.IMAGES`)."""
        return self._joined(lambda sweep: sweep.images)

    @property
    def decisions(self) -> pd.DataFrame:
        """One row per decision (columns: `sweep`, then `seatbelt.records.tables.DECISIONS`)."""
        return self._joined(lambda sweep: sweep.decisions)

    @property
    def stages(self) -> pd.DataFrame:
        """One row per sweep and pretraining stage (columns: `sweep`, then `analysis.reading.trial_cells.STAGES`)."""
        return self._joined(lambda sweep: sweep.stages)

    @property
    def cells(self) -> pd.DataFrame:
        """One row per trial with a column for each factor of any sweep; see `Sweep.cells`."""
        return self._joined(lambda sweep: sweep.cells)

    def arms(self, role: ArmRole = "arm", *, test_intervals: bool = True) -> pd.DataFrame:
        """Return one row per sweep and arm; see `Sweep.arms`. Scores on different selection sets are not comparable."""
        return self._joined(lambda sweep: sweep.arms(role, test_intervals=test_intervals))

    def __repr__(self) -> str:
        return "\n".join(
            [f"<{counted(len(self.sweeps), 'sweep')}>", *(f"  {sweep!r}" for sweep in self.sweeps.values())]
        )

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(repr(sweep))}</li>" for sweep in self.sweeps.values())
        return f"<p>{counted(len(self.sweeps), 'sweep')}</p><ul>{items}</ul>"

    def _joined(self, table: Callable[[Sweep], pd.DataFrame]) -> pd.DataFrame:
        import pandas as pd

        frames = []
        for name, sweep in self.sweeps.items():
            frame = table(sweep)
            frame.insert(0, "sweep", name)
            frames.append(frame)
        categories: dict[str, list[str]] = {}
        for frame in frames:
            for name in frame.select_dtypes("category").columns:
                categories.setdefault(name, []).extend(frame[name].cat.categories)
                frame[name] = frame[name].astype(object)
        # Tables without rows do not determine types.
        joined = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
        for name in categories.keys() & set(joined.columns):
            labels = [label if isinstance(label, str) else None for label in joined[name]]
            joined[name] = factor_column(labels, categories[name], numeric=False)
        return joined


def load_all(patterns: Location | Iterable[Location]) -> Sweeps:
    """Open several sweeps for reading.

    Args:
        patterns: Locations as in `load`, or local patterns such as `sweeps/*`, which skip folders that are no sweeps.
            Patterns do not work for buckets.

    Raises:
        UserError: A location is no sweep, or nothing matches a pattern.
    """
    locations = [patterns] if isinstance(patterns, str | os.PathLike) else list(patterns)
    sweeps: dict[str, Sweep] = {}
    for pattern in locations:
        for location in _locations(os.fspath(pattern)):
            sweeps.setdefault(location if is_remote(location) else os.path.realpath(location), Sweep(location))
    if not sweeps:
        raise UserError("no sweeps were given; give locations, or a pattern such as 'sweeps/*'")
    return Sweeps(sweeps.values())


def open_sweeps(locations: list[str]) -> Source:
    """Return one sweep for a single location, several for more or for a pattern.

    Raises:
        UserError: A location is no sweep, or nothing matches a pattern.
    """
    return load_all(locations) if len(locations) != 1 or _is_pattern(locations[0]) else Sweep(locations[0])


def _locations(pattern: str) -> list[str]:
    if is_remote(pattern) and glob.escape(pattern) != pattern:
        raise UserError(f"{pattern} is a pattern, but buckets are not searched; give the full location of each sweep")
    if not _is_pattern(pattern):
        return [pattern]
    matches = sorted(path for path in glob.glob(pattern) if (Path(path) / "sweep.json").is_file())
    if not matches:
        raise UserError(f"no sweep matches {pattern!r}; `ls` shows what is there")
    return matches


def _is_pattern(location: str) -> bool:
    # The name of an existing folder may look like a pattern.
    has_magic = glob.escape(location) != location
    return has_magic and not is_remote(location) and not os.path.lexists(location)


def _names(roots: list[str]) -> list[str]:
    """Return the shortest unique end of each path."""
    paths = [(root if is_remote(root) else os.path.abspath(root)).rstrip("/").split("/") for root in roots]
    names = []
    for path in paths:
        length = 1
        while length < len(path) and sum(other[-length:] == path[-length:] for other in paths) > 1:
            length += 1
        names.append("/".join(path[-length:]))
    return names
