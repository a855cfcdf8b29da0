"""The flow of trials through the rungs: how many reached each, continued, were stopped or failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analysis.figures.chart import Axis, Bars, Chart, Figure, NotApplicableError, whole_axis
from analysis.figures.sweep_data import SweepData
from seatbelt.records.columns import Column
from seatbelt.records.tables import FINAL, Status
from seatbelt.text.wording import counted

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    Column("epoch", "int64", "rung; 0 for the beginning"),
    Column("reached", "int64", "trials that reached it: the sum of the other columns"),
    Column("complete", "int64", "completed there"),
    Column("promoted", "int64", "promoted, and reached the next rung"),
    Column("went_on", "int64", "reached the next rung without a comparison: all at the beginning, then exempt trials"),
    Column("under_way", "int64", "neither ended nor at the next rung yet"),
    Column("waiting", "int64", "waiting for a promotion"),
    Column("pruned", "int64", "not promoted before the sweep ended"),
    Column("failed", "int64", "failed, diverged or ran out of memory before the next rung"),
]

_FATES = [column.name for column in COLUMNS[2:]]
_NAMES = {"went_on": "continued without comparison", "under_way": "under way"}
_SERIES = dict(zip(_FATES, (2, 0, 5, 6, 4, 1, 3), strict=True))


def promotion_flow(data: SweepData) -> Figure:
    """Return a stacked bar for the beginning and each rung.

    Raises:
        NotApplicableError: The sweep does not prune, or no trial has begun.
    """
    if not data.prunes:
        raise NotApplicableError("needs a pruned sweep (--prune asha)")
    table = promotion_table(data)
    first, last = table.iloc[0], table.iloc[-1]
    return Figure(
        name="promotion_flow",
        title="Flow of trials through the rungs",
        caption=(
            f"{counted(int(first['reached']), 'trial')} began. Each bar shows the trials that reached its epoch, by "
            "their fate. Counts of all trials have no interval. Exempt trials are never stopped."
        ),
        alt=(
            f"{counted(int(first['reached']), 'trial')} began, {last['reached']} reached epoch {last['epoch']}; "
            f"{table['pruned'].sum()} were pruned, {table['failed'].sum()} failed."
        ),
        columns=COLUMNS,
        table=table,
        chart=_chart(table),
    )


def promotion_table(data: SweepData) -> pd.DataFrame:
    """Return one row for the beginning and one per rung (columns: COLUMNS).

    Raises:
        NotApplicableError: No trial has begun.
    """
    import pandas as pd

    trials = data.searched[data.searched["attempts"].fillna(1) > 0]
    trials = trials[(trials["status"] != Status.PLANNED) | (trials["epochs_done"] > 0)]
    if trials.empty:
        raise NotApplicableError("needs a trial that has begun")
    promoted = data.rows("select trial_key, epoch from decisions where kind = 'promotion'")
    pairs = set(zip(promoted["trial_key"], promoted["epoch"], strict=True))
    rows = list(_rows(trials, [0, *data.rungs], pairs))
    return pd.DataFrame(rows, columns=[column.name for column in COLUMNS])


def _rows(trials: pd.DataFrame, epochs: list[int], promoted: set[tuple[object, object]]) -> Iterator[dict[str, int]]:
    # A trial that stopped early is complete, whatever its epochs.
    complete = trials["status"] == Status.COMPLETE
    done = trials["epochs_done"].where(~complete, epochs[-1])
    for place, epoch in enumerate(epochs):
        here = trials[done >= epoch]
        further = epochs[place + 1] if place + 1 < len(epochs) else None
        fates = [
            _fate(key, status, further is not None and end >= further, epoch, promoted)
            for key, status, end in zip(here["trial_key"], here["status"], done[here.index], strict=True)
        ]
        yield {"epoch": epoch, "reached": len(here), **{fate: fates.count(fate) for fate in _FATES}}


def _fate(key: str, status: str, went_on: bool, epoch: int, promoted: set[tuple[object, object]]) -> str:
    if went_on:
        return "promoted" if (key, epoch) in promoted else "went_on"
    if status == Status.COMPLETE:
        return "complete"
    fates = {Status.PRUNED.value: "pruned", Status.PAUSED.value: "waiting"}
    fates |= {ended.value: "failed" for ended in FINAL}
    return fates.get(status, "under_way")


def _chart(table: pd.DataFrame) -> Chart:
    places = tuple(float(i) for i in range(len(table)))
    below = [0.0] * len(table)
    layers = []
    for fate in _FATES:
        counts = [float(value) for value in table[fate]]
        if not any(counts):
            continue
        top = [low + count for low, count in zip(below, counts, strict=True)]
        name = _NAMES.get(fate, fate)
        layers.append(
            Bars(
                name=name,
                x=places,
                base=tuple(below),
                top=tuple(top),
                width=0.7,
                series=_SERIES[fate],
                texts=tuple(f"{count:.0f}" if count else "" for count in counts),
                hover=tuple(
                    f"epoch {epoch}: {count:.0f} {name}" for epoch, count in zip(table["epoch"], counts, strict=True)
                ),
            )
        )
        below = top
    names = ["began", *(f"epoch {epoch}" for epoch in table["epoch"][1:])]
    return Chart(
        x=Axis(title="", ticks=tuple(zip(places, names, strict=True)), low=-0.6, high=len(table) - 0.4),
        y=whole_axis("trials", 0, max(below), low=0),
        layers=tuple(layers),
        legend="then",
        height=0.5,
    )
