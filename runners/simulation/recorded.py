"""Recorded sweeps as worlds: a strategy is replayed over curves that were trained once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from analysis import Sweep, load
from analysis.reading.design import spelt_cells
from analysis.reading.tables import readable
from runners.simulation.curves import Labels, RecordedArm, RecordedWorld
from search_spaces.factors import Factor
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.records.tables import Status

if TYPE_CHECKING:
    import pandas as pd

_FEWEST = 2
"""Whole curves of an arm; with one, what a strategy sees would be the truth itself."""


def recorded_world(location: str | os.PathLike[str], *, seed: int = 0, paired: bool = False) -> RecordedWorld:
    """Read a finished, unpruned sweep as a world.

    Only trials of the search count: no confirmations, no stages, no arms beside the space. An arm with fewer whole
    curves than two, or than most arms have, is left out.

    Args:
        location: Its folder, or a URL such as `s3://bucket/sweeps/architecture`.
        seed: Order of the recorded replicates: 0 keeps it, other seeds draw one.
        paired: Draw one order for all arms instead of one for each. Replicates of one number share their seed and so
            much of their noise: comparisons within a number are as exact as in the sweep, but few orders differ.

    Raises:
        UserError: The sweep pruned, has a range, or fewer than two arms with whole curves; or its tables are damaged.
    """
    sweep = load(location)
    with readable(sweep):
        missing = {"base", "factors", "prune"} - sweep.description.keys()
        if missing:
            raise ValueError(f"sweep.json lacks {min(missing)}")
        if sweep.record.prunes:
            raise UserError(
                f"{sweep.root} pruned its trials, so that curves are not whole; replay a sweep with --prune none"
            )
        factors = [Factor.of_record(record) for record in sweep.record.factors]
        ranges = [factor.name for factor in factors if factor.range is not None]
        if ranges:
            raise UserError(
                f"{sweep.root} varies {ranges[0]} over a range, of which no sweep records every value; a replay needs "
                f"levels (--set {ranges[0]}=a,b)"
            )
        arms, epochs = _read(sweep, [factor.name for factor in factors])
        for factor, taken in zip(factors, zip(*arms, strict=True), strict=True):
            unknown = set(taken) - {level.label for level in factor.levels}
            if unknown:
                raise ValueError(f"a level {min(unknown)!r} of {factor.name}")
        usable = _with_enough(arms)
        if len(usable) < 2:
            raise UserError(
                f"arms of {sweep.root} with {_FEWEST} whole curves or more: {len(usable)}, but a replay needs two; "
                "raise --replicates and continue it"
            )
        base = TrialConfig.model_validate(sweep.record.base)
        return RecordedWorld(
            name=sweep.name,
            factors=factors,
            base=base,
            epochs=epochs,
            arms=usable,
            left_out=len(arms) - len(usable),
            seed=seed,
            paired=paired,
        )


def _read(sweep: Sweep, names: list[str]) -> tuple[dict[Labels, RecordedArm], int]:
    """Return the arms of the space that were tried, each with its whole curves, and the full epochs."""
    trials = sweep.trials
    trials = trials[trials["role"] == "arm"].sort_values("replicate", kind="stable")
    cells = spelt_cells(sweep.record, trials)
    numbers: dict[Labels, int] = {}
    arm = [
        numbers.setdefault(tuple(cell[name] for name in names), len(numbers)) if set(names) <= set(cell) else -1
        for cell in cells
    ]
    trials = trials.assign(arm=arm)[np.array(arm) >= 0]
    if trials.empty:
        raise UserError(f"{sweep.root} has no trials of its space; run it to its end first")
    if trials["trial_key"].duplicated().any():
        raise ValueError("a trial has two rows")
    epochs = int(trials["epochs_planned"].max())
    curves, seconds = _curves(sweep, epochs)
    complete = trials[(trials["status"] == Status.COMPLETE) & trials["trial_key"].isin(curves.index)]
    arms = {}
    for labels, number in numbers.items():
        rows = complete[complete["arm"] == number]
        keys = list(rows["trial_key"])
        table = curves.loc[keys].to_numpy(dtype=np.float64)
        table.setflags(write=False)
        tests = rows["test_iou"].to_numpy(dtype=np.float64)
        arms[labels] = RecordedArm(curves=table, tests=tests, seconds=float(seconds.reindex(keys).mean()))
    return arms, epochs


def _curves(sweep: Sweep, epochs: int) -> tuple[pd.DataFrame, pd.Series[float]]:
    """Return the curves that are whole, a row for each trial, and every trial's mean seconds of an epoch."""
    table = sweep.epochs
    spent = table["train_seconds"] + table["evaluation_seconds"]
    scores = table["selection_iou"].dropna()
    if not scores.between(0, 1).all() or not (spent > 0).all():
        raise UserError(
            f"{sweep.root}/epochs is damaged: an IoU lies outside 0 to 1, or an epoch has no seconds; `seatbelt "
            "resume` writes the tables anew from the ledger"
        )
    curves = table.pivot(index="trial_key", columns="epoch", values="selection_iou")
    whole = curves.reindex(columns=range(1, epochs + 1)).dropna()
    return whole, spent.groupby(table["trial_key"]).mean()


def _with_enough(arms: Mapping[Labels, RecordedArm]) -> dict[Labels, RecordedArm]:
    """Return the arms with at least as many curves as most arms have; of several such numbers, the lowest."""
    numbers = Counter(len(arm.curves) for arm in arms.values())
    usual = min((n for n in numbers if numbers[n] == max(numbers.values())), default=0)
    return {labels: arm for labels, arm in arms.items() if len(arm.curves) >= max(_FEWEST, usual)}
