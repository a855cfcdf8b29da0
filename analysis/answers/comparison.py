"""Two arms compared: paired by replicate, and on the test set by image with subjects as clusters."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from analysis.answers.ranking import best_trial
from analysis.reading.lookup import ArmName, find_arm
from analysis.reading.tables import ArmRole, SweepTables, readable
from analysis.reading.trial_cells import complete_trials
from analysis.reading.unfinished import unfinished_text
from analysis.statistics.intervals import Interval, over_replicates, over_subjects
from analysis.statistics.paired_images import by_replicate, image_scores, subjects_of
from analysis.statistics.power import detectable_difference, replicates_needed
from seatbelt.errors import UserError
from seatbelt.records.names import replicate_name
from seatbelt.records.tables import Status
from seatbelt.text.wording import counted

if TYPE_CHECKING:
    import pandas as pd

WORTH = 0.01
"""IoU: the difference for which the number of replicates is computed."""

_EQUAL = 1e-9
"""IoU: smaller differences of an image count as equal."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two arms."""

    arm_key: str
    cell: dict[str, str]
    name: str
    replicates: list[int]
    """Its complete replicates, including those that the other arm lacks."""
    selection_iou: float
    """Mean over the common replicates."""
    test_iou: float | None


@dataclass(frozen=True, kw_only=True)
class TestDifference:
    """First minus second on the test set, over the common replicates and images."""

    iou: Interval
    """Over subjects and replicates; `n` is the number of subjects."""
    replicates: int
    images: int
    better: int
    """Images on which the first arm is better, by the mean over replicates."""
    worse: int
    equal: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The first arm minus the second."""

    first: Side
    second: Side
    role: ArmRole
    replicates: list[int]
    """Replicates that both arms have completed."""
    selection: Interval
    """Difference of the selection IoU with Student's interval over the common replicates."""
    differences: list[float]
    """Difference of each common replicate."""
    sd: float | None
    """Standard deviation of the differences; None for one replicate."""
    detectable: float | None
    """Smallest true difference that this many replicates detect with 80 % power (t-test at 5 %)."""
    worth: float
    """The difference that `needed` refers to."""
    needed: int | None
    """Replicates that detect a difference of `worth` with 80 % power."""
    test: TestDifference | None
    """None if no test images are recorded."""
    better: Literal["first", "second"] | None
    """The better arm, by the interval of the selection difference; None if not decided."""
    verdict: str
    """The conclusion in one sentence."""
    pruned: int
    """Trials of the two arms that stopped at a rung; the complete ones were selected for high scores."""
    provisional: str | None
    """A note if the sweep is not finished."""


def compare(sweep: SweepTables, first: str, second: str, *, role: ArmRole = "arm") -> Comparison:
    """Compare two arms of a sweep.

    Replicate r of every arm has the same seed, split and data order, so arms are compared in pairs.

    Args:
        sweep: The sweep.
        first: What names an arm; see `analysis.reading.lookup.find_arm`.
        second: The other arm.
        role: `arm` for the trials of the search, `confirmation` for those with fresh seeds.

    Raises:
        UserError: A name matches no arm or several, both name the same arm, or the arms have no complete replicate in
            common.
    """
    with readable(sweep):
        trials = sweep.trials
        searched = trials[trials["role"].isin(get_args(ArmRole))]
        best = functools.cache(lambda: best_trial(sweep))
        named = find_arm(trials, first, best), find_arm(trials, second, best)
        if named[0].arm_key == named[1].arm_key:
            raise UserError(f"{first!r} and {second!r} are the same arm ({named[0].text}); give two different ones")
        done = complete_trials(trials, role)
        groups = [by_replicate(_of_arm(sweep, trials, done, arm, role)) for arm in named]
        common = [int(replicate) for replicate in groups[0].index.intersection(groups[1].index)]
        if not common:
            raise UserError(_nothing_common(sweep, named, groups))
        counts = {str(key): int(count) for key, count in trials["status"].value_counts().items()}
        trials_of_both = searched[searched["arm_key"].isin([arm.arm_key for arm in named]) & (searched["role"] == role)]
        pruned = int(trials_of_both["status"].isin([Status.PRUNED.value, Status.PAUSED.value]).sum())
        return _comparison(sweep, named, groups, common, role, unfinished_text(counts), pruned)


def _of_arm(sweep: SweepTables, trials: pd.DataFrame, done: pd.DataFrame, arm: ArmName, role: ArmRole) -> pd.DataFrame:
    complete = done[done["arm_key"] == arm.arm_key]
    if len(complete):
        return complete
    of_arm = trials[(trials["arm_key"] == arm.arm_key) & (trials["role"] == role)]
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(of_arm["status"].value_counts().items()))
    if statuses:
        raise UserError(f"no trial of the arm {arm.text} is complete ({statuses}); `seatbelt status {sweep.root}`")
    other = "arm" if role == "confirmation" else "confirmation"
    raise UserError(f"the arm {arm.text} has no trial of the role {role}; try --role {other}")


def _nothing_common(sweep: SweepTables, named: tuple[ArmName, ArmName], groups: list[pd.DataFrame]) -> str:
    replicates = [", ".join(replicate_name(int(replicate)) for replicate in group.index[:8]) for group in groups]
    return (
        f"the arms have no complete replicate in common ({named[0].text}: {replicates[0]}; {named[1].text}: "
        f"{replicates[1]}), so nothing can be paired; `seatbelt resume {sweep.root} --replicates N` "
        "adds replicates to every arm"
    )


def _comparison(  # noqa: PLR0913
    sweep: SweepTables,
    named: tuple[ArmName, ArmName],
    groups: list[pd.DataFrame],
    common: list[int],
    role: ArmRole,
    provisional: str | None,
    pruned: int,
) -> Comparison:
    paired = [group.loc[common] for group in groups]
    differences = [float(value) for value in paired[0]["selection_iou"] - paired[1]["selection_iou"]]
    if any(math.isnan(value) for value in differences):
        raise ValueError("a complete trial has no selection_iou")
    selection = over_replicates(differences)
    sd = float(np.std(differences, ddof=1)) if len(differences) > 1 else None
    detectable = None if sd is None else detectable_difference(sd, len(differences))
    needed = None if sd is None else replicates_needed(sd, WORTH)
    sides = [_side(arm, group, part) for arm, group, part in zip(named, groups, paired, strict=True)]
    return Comparison(
        first=sides[0],
        second=sides[1],
        role=role,
        replicates=common,
        selection=selection,
        differences=differences,
        sd=sd,
        detectable=detectable,
        worth=WORTH,
        needed=needed,
        test=_test_difference(paired, sweep.images),
        better=_better(selection),
        verdict=_verdict(named, selection, detectable, needed),
        pruned=pruned,
        provisional=provisional,
    )


def _side(arm: ArmName, group: pd.DataFrame, paired: pd.DataFrame) -> Side:
    test = paired["test_iou"].dropna()
    return Side(
        arm_key=arm.arm_key,
        cell=arm.cell,
        name=arm.text,
        replicates=[int(replicate) for replicate in group.index],
        selection_iou=float(paired["selection_iou"].mean()),
        test_iou=float(test.mean()) if len(test) else None,
    )


def _test_difference(paired: list[pd.DataFrame], images: pd.DataFrame) -> TestDifference | None:
    one, two = (image_scores(part, images) for part in paired)
    one, two = one.align(two, join="inner")
    difference = (one - two).dropna(axis=1, how="any")
    if difference.empty:
        return None
    by_image = difference.mean(axis=0)
    better, worse = int((by_image > _EQUAL).sum()), int((by_image < -_EQUAL).sum())
    return TestDifference(
        iou=over_subjects(difference.to_numpy(dtype=np.float64), subjects_of(difference)),
        replicates=difference.shape[0],
        images=difference.shape[1],
        better=better,
        worse=worse,
        equal=difference.shape[1] - better - worse,
    )


def _better(selection: Interval) -> Literal["first", "second"] | None:
    if selection.low is None or selection.high is None or selection.low <= 0 <= selection.high:
        return None
    return "first" if selection.low > 0 else "second"


def _verdict(named: tuple[ArmName, ArmName], selection: Interval, detectable: float | None, needed: int | None) -> str:
    if selection.low is None or selection.high is None:
        return "not decided: one common replicate says nothing about chance; add replicates"
    assert detectable is not None and needed is not None
    which = _better(selection)
    if which is not None:
        better = named[0] if which == "first" else named[1]
        low, high = sorted((abs(selection.low), abs(selection.high)))
        return f"{better.text} is better by {abs(selection.mean):.4f} (95 %: {low:.4f} to {high:.4f})"
    most = max(-selection.low, selection.high)
    if most <= WORTH:
        return f"no relevant difference: at most {most:.4f} either way (95 %)"
    return (
        f"not decided: {counted(selection.n, 'replicate')} detect differences from {detectable:.4f} (80 % power); "
        f"a difference of {WORTH:g} needs {counted(needed, 'replicate')}"
    )
