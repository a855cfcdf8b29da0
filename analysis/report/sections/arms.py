"""A table of all arms that can be sorted and filtered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.figures.sweep_data import TESTED, SweepData
from analysis.reading.plain_values import plain_values
from analysis.report.blocks import BigTable, Column, Section, Text
from seatbelt.records.sweep import NAMED_ARM
from seatbelt.text.wording import counted

if TYPE_CHECKING:
    import pandas as pd

_SCORES = {
    "rank": Column(name="rank", digits=0, meaning="by the mean selection IoU of complete trials"),
    "shown": Column(
        name="selection IoU", digits=3, meaning="mean over complete trials; if there are none, the best so far"
    ),
    "selection_interval": Column(name="95 %", meaning="interval of the selection IoU (Student, over trials)"),
    "replicates": Column(name="n", digits=0, meaning="complete trials"),
    "test_iou": Column(name="test IoU", digits=3, meaning="mean over complete trials; not for choosing arms"),
    "test_interval": Column(name="test 95 %", meaning="interval of the test IoU (bootstrap over subjects and trials)"),
}
"""Column of `_joined` -> column of the report, before the factors."""

_REST = {
    "status": Column(name="status", meaning="COMPLETE if a trial is complete, otherwise the status of the best trial"),
    "with_target": Column(name="with target", digits=3, meaning="selection IoU over images with the target"),
    "most": Column(name="epochs", digits=0, meaning="largest number of epochs of a trial"),
    "parameters": Column(name="parameters", digits=0, meaning="trainable parameters"),
    "seconds": Column(name="train seconds", digits=0, meaning="seconds of training steps, summed over trials"),
    "trial": Column(name="trial", meaning="number of the trial with the best selection IoU"),
}
"""The same for the columns after the factors."""

_MOST_REASONS = 8

_OPTIONAL = ("selection_interval", "test_iou", "test_interval")

_ALL = """
select arm_key, arg_max(status, coalesce(selection_iou, -1) + (status = 'COMPLETE')::int * 10) as status,
       max(selection_iou) as best, arg_max(trial_key, selection_iou) as trial,
       avg(selection_iou_with_target) filter (status = 'COMPLETE') as with_target, max(epochs_done) as epochs,
       max(parameters) as parameters, sum(train_seconds) as seconds, min(number) as number
from trials where role = 'arm' group by arm_key
"""


def arms(data: SweepData) -> Section | None:
    """Return the section; None if no trial was planned."""
    table = arms_table(data)
    if not table.size:
        return None
    complete = len(data.arms)
    note = f" Test intervals are computed for the first {TESTED}." if complete > TESTED else ""
    text = (
        f"{counted(table.size, 'arm')}, {complete} of them ranked, which takes a complete trial. Arms are ranked by "
        f"mean selection IoU.{note}"
    )
    excluded = _exclusions_text([exclusion.reason for exclusion in data.sweep.record.exclusions])
    texts = (Text(text=text), *([Text(text=excluded)] if excluded else []))
    return Section(name="arms", title="All arms", blocks=(*texts, table))


def _exclusions_text(reasons: list[str]) -> str:
    """Return which combinations of levels the search left out; empty if none."""
    if not reasons:
        return ""
    more = f"; and {len(reasons) - _MOST_REASONS} more" if len(reasons) > _MOST_REASONS else ""
    return f"Left out before the first trial: {'; '.join(reasons[:_MOST_REASONS])}{more}."


def arms_table(data: SweepData) -> BigTable:
    """Return one row per arm: those with complete trials by rank, then the others by progress."""
    table = _joined(data)
    columns = dict(_SCORES)
    for name in data.varied:
        # The values of a range, such as learning rates, need their own precision.
        columns[name] = Column(name=name, meaning="factor")
    if NAMED_ARM in table:
        columns[NAMED_ARM] = Column(name="named arm", meaning="an arm outside the space")
    columns |= _REST
    # Without replicates there are no intervals.
    columns = {name: column for name, column in columns.items() if name not in _OPTIONAL or table[name].notna().any()}
    return BigTable(
        name="arms",
        caption="All arms of the search",
        columns=tuple(columns.values()),
        values=tuple(_rounded(table[name]) for name in columns),
    )


def _joined(data: SweepData) -> pd.DataFrame:
    all_arms = data.rows(_ALL)
    scores = data.arms[
        [
            "arm_key",
            "replicates",
            "selection_iou",
            "selection_low",
            "selection_high",
            "test_iou",
            "test_low",
            "test_high",
        ]
    ]
    table = all_arms.merge(data.arm_cells.drop(columns=["trial_key", "replicate"]), on="arm_key")
    table = table.merge(scores.assign(rank=range(1, len(scores) + 1)), how="left", on="arm_key")
    table = table.rename(columns={"epochs": "most"})
    table["replicates"] = table["replicates"].fillna(0)
    table["shown"] = table["selection_iou"].fillna(table["best"])
    for name in ("selection", "test"):
        bounds = zip(table[f"{name}_low"], table[f"{name}_high"], strict=True)
        table[f"{name}_interval"] = [None if low != low else f"[{low:.3f}, {high:.3f}]" for low, high in bounds]
    table["trial"] = [None if key is None or key != key else data.trial_number(key) for key in table["trial"]]
    ordered: pd.DataFrame = table.sort_values(
        ["rank", "most", "shown", "number"], ascending=[True, False, False, True], na_position="last"
    )
    return ordered


def _rounded(column: pd.Series[Any]) -> list[Any]:
    """Return plain values, with floats rounded to seven digits."""
    return [float(f"{value:.7g}") if isinstance(value, float) else value for value in plain_values(column)]
