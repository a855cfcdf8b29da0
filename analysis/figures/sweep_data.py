"""The data of figures and reports: the tables of one sweep, read once and only as needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analysis.answers.arms import arms_of
from analysis.answers.effects import Effects, effects
from analysis.reading.duckdb import connect, frame
from analysis.reading.lookup import TrialName, trial_names
from analysis.reading.tables import SweepTables, readable
from analysis.reading.trial_cells import cells_of
from seatbelt.records.names import number_or_key, split_switches
from seatbelt.records.sweep import NAMED_ARM, cell_text, read_cell
from seatbelt.records.tables import Status

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

TESTED = 60
"""Number of leading arms with an interval of the test IoU: each bootstrap takes some milliseconds."""

_TRIALS = (
    "trial_key", "arm_key", "number", "cell", "replicate", "status", "exempt", "role", "epochs_done",
    "epochs_planned", "attempts", "best_epoch", "selection_iou", "selection_iou_with_target", "test_iou",
    "train_seconds", "seconds", "train_real", "train_synthetic", "parameters", "error",
)  # fmt: skip


class SweepData:
    """The tables of one sweep, each cached after the first access."""

    def __init__(self, sweep: SweepTables) -> None:
        self.sweep = sweep

    @cached_property
    def trials(self) -> pd.DataFrame:
        """All trials in planning order, with the columns used by figures."""
        columns = ", ".join(f'"{name}"' for name in _TRIALS)
        return self.rows(f"select {columns} from trials order by number, trial_key")

    @cached_property
    def searched(self) -> pd.DataFrame:
        """The trials of the search, without stages and confirmations."""
        searched_rows = self.trials[self.trials["role"] == "arm"]
        return searched_rows.reset_index(drop=True)

    @cached_property
    def arms(self) -> pd.DataFrame:
        """`Sweep.arms()`, with test intervals for the leading arms."""
        with readable(self.sweep):
            complete = self.searched[self.searched["status"] == Status.COMPLETE]
            means = complete.groupby("arm_key")["selection_iou"].mean().sort_values(ascending=False, kind="stable")
            leading = complete[complete["arm_key"].isin(means.index[:TESTED])]
            return arms_of(self.sweep, complete, self.images_of(leading["trial_key"].tolist()))

    @cached_property
    def levels(self) -> dict[str, list[str]]:
        """Factor -> levels among the trials, in the order of `sweep.json`; none for a range."""
        cells = self.arm_cells
        levels_of_factor = {}
        for name, labels in self.sweep.factors.items():
            if name in cells:
                present = {str(label) for label in cells[name].dropna()}
                levels_of_factor[name] = [label for label in labels if label in present]
        return levels_of_factor

    @cached_property
    def varied(self) -> list[str]:
        """The factors with more than one value among the trials."""
        cells = self.arm_cells
        return [name for name in self.sweep.factors if name in cells and cells[name].nunique() > 1]

    @cached_property
    def arm_cells(self) -> pd.DataFrame:
        """The levels of each arm of the search; see `Sweep.cells`."""
        with readable(self.sweep):
            return cells_of(self.sweep, self.searched.drop_duplicates("arm_key"))

    def arm_names(self, keys: list[str]) -> list[str]:
        """Return the names of arms: the levels of the factors that vary, or the name of a named arm."""
        with readable(self.sweep):
            cells = dict(zip(self.searched["arm_key"], self.searched["cell"], strict=True))
            cell_of_arm = {key: read_cell(cells[key]) for key in keys}
            return [self.name_of(cell_of_arm[key]) or key for key in keys]

    @cached_property
    def trial_names(self) -> dict[str, TrialName]:
        """Trial key -> the number and the name of each trial."""
        with readable(self.sweep):
            return {name.trial_key: name for name in trial_names(self.trials)}

    def trial_name(self, key: str) -> str:
        """Return `[7] resnet18 unet, replicate 2`."""
        name = self.trial_names[key]
        return name.name if name.number is None else f"[{name.number}] {name.name}"

    def trial_number(self, key: str) -> str:
        """Return `[7]`; the key if the trial has no number."""
        return number_or_key(self.trial_names[key].number, key)

    def trial_word(self, key: str) -> str:
        """Return the word for a command that names a trial: `7`, or its key."""
        return self.trial_number(key).strip("[]")

    def name_of(self, cell: Mapping[str, str]) -> str:
        """Return the name of a cell; see `arm_names`."""
        varied = {*self.varied, NAMED_ARM}
        return _short_name({name: level for name, level in cell.items() if name in varied}) or _short_name(cell)

    @cached_property
    def effects(self) -> Effects:
        """The main effects.

        Raises:
            UserError: There is nothing to compare.
        """
        return effects(self.sweep)

    @cached_property
    def rungs(self) -> list[int]:
        """The epochs at which trials are compared; the full training is last.

        Raises:
            UserError: `sweep.json` or the trials hold something else.
        """
        with readable(self.sweep):
            planned = self.trials["epochs_planned"].dropna()
            full = [int(planned.max())] if len(planned) else []
            return sorted({*self.sweep.record.rungs, *full})

    @property
    def prunes(self) -> bool:
        """Whether the sweep prunes."""
        return self.sweep.record.prunes

    def weights_of(self, trial: str) -> str | None:
        """Return where the weights of a trial's best epoch are; None if they are not kept."""
        row = self.trials[self.trials["trial_key"] == trial].iloc[0]
        weights = [name for name in self.sweep.files(f"checkpoints/{trial}") if name.endswith(".safetensors")]
        best = [name for name in weights if name.endswith(f"/weights-{row['best_epoch']:06.0f}.safetensors")]
        return f"{self.sweep.root}/{best[0]}" if best else None

    def images_of(self, trials: list[str]) -> pd.DataFrame:
        """Return the test images of some trials: trial_key, dataset, image, subject, iou."""
        return self.rows(
            "select trial_key, dataset, image, subject, iou from images where trial_key in (select unnest(?))", [trials]
        )

    def rows(self, sql: str, parameters: list[Any] | None = None) -> pd.DataFrame:
        """Return the rows of an SQL query over trials, epochs, images, decisions and stages.

        Raises:
            UserError: A table cannot be read.
        """
        return frame(self._connection, self.sweep, sql, parameters or [])

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        return connect(self.sweep)


def _short_name(cell: Mapping[str, str]) -> str:
    """Return the name of a cell; of several switches, only those that are on."""
    others, switches = split_switches(cell)
    if switches is None:
        return cell_text(cell)
    on = " + ".join(switches) or "all switches off"
    return f"{cell_text(others)}, {on}" if others else on
