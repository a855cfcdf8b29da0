"""The results of one sweep, as users read them from Python."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from analysis.reading.duckdb import stages_frame
from analysis.reading.tables import ArmRole, Location, SweepTables
from analysis.reading.trial_cells import cells_frame
from seatbelt.errors import UserError
from seatbelt.text.redaction import printable

if TYPE_CHECKING:
    import pandas as pd


class Sweep(SweepTables):
    """The results of one sweep, for reading.

    Every table is read at each access, also while the sweep runs; keep it in a variable to use it twice.
    docs/results.md lists the columns of all tables.

    Attributes:
        root: Where the sweep is: a folder, or the URL of a bucket.
        description: What `sweep.json` holds.
    """

    @property
    def stages(self) -> pd.DataFrame:
        """One row per pretraining stage with the trials that begin with it.

        Its columns: `analysis.reading.trial_cells.STAGES`.
        """
        return stages_frame(self)

    @property
    def cells(self) -> pd.DataFrame:
        """One row per trial: `trial_key`, `arm_key`, `replicate`, and a column for each factor.

        Factors with levels are categorical, with the levels in the order of `sweep.json`; those over a range are
        numbers. Named arms beside the space have their name in a further column `arm` and no levels.
        """
        return cells_frame(self)

    def arms(self, role: ArmRole = "arm", *, test_intervals: bool = True) -> pd.DataFrame:
        """Return one row per arm over its complete replicates, best mean selection IoU first.

        Args:
            role: `arm` for the trials of the search, `confirmation` for those with fresh seeds.
            test_intervals: Bootstrap intervals of the test IoU, some milliseconds for each arm.

        Returns:
            `arm_key`, a column for each factor as in `cells`, then the columns of `analysis.answers.arms.ARMS`;
            no rows where nothing is complete.
        """
        from analysis.answers.arms import arms_frame  # It loads numpy.

        return arms_frame(self, role, test_intervals=test_intervals)

    def __repr__(self) -> str:
        try:
            statuses = self.arrow("trials").column("status").value_counts().to_pylist()
            counts = ", ".join(f"{item['counts']} {item['values']}" for item in statuses) or "no trials"
        except (UserError, LookupError) as error:
            counts = str(error)
        return printable(f"<Sweep {self.name} at {self.root}: {counts}>")

    def _repr_html_(self) -> str:
        summary = f"<p>{html.escape(repr(self))}</p>"
        try:
            return summary + self.arms(test_intervals=False).head(5).to_html()
        except UserError as error:
            return f"{summary}<p>{html.escape(printable(str(error)))}</p>"


def load(location: Location) -> Sweep:
    """Open a sweep for reading.

    Args:
        location: Its folder, or a URL such as `s3://bucket/sweeps/architecture`.

    Raises:
        UserError: There is no sweep at the location.
    """
    return Sweep(location)
