"""The answer first: the best configuration, how sure that is, and how to get it again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from analysis.answers.confirmation import Confirmed, confirmed
from analysis.figures.chart import numbers, shortened
from analysis.figures.chart import with_interval as shown
from analysis.figures.progress import comparable_baselines
from analysis.figures.sweep_data import Material
from analysis.report.blocks import Block, Command, Head, Section, Table, Text, capital
from analysis.statistics.intervals import Interval, over_replicates
from seatbelt.errors import UserError
from seatbelt.records.sweep import read_cell
from seatbelt.records.tables import Status
from seatbelt.text.wording import counted

if TYPE_CHECKING:
    import pandas as pd

_LONG = 90
"""Characters of a name that are read at one glance."""


def answer(material: Material) -> Section:
    """Return the section."""
    where = shlex.quote(material.sweep.root)
    question = material.sweep.record.question
    blocks: list[Block] = [Text(text=question, kind="note")] if question else []
    if material.arms.empty:
        blocks += _provisional(material, where)
    else:
        blocks += _complete(material, where)
    return Section(name="answer", title="Answer", blocks=tuple(blocks))


def lead_over_second(material: Material) -> Interval | None:
    """Return the difference of the selection IoU of the two best arms, paired by replicate; None without a pair."""
    keys = material.arms["arm_key"].head(2).tolist()
    if len(keys) < 2:
        return None
    first, second = (_scores(material, key) for key in keys)
    pairs = (first - second).dropna()
    return over_replicates(pairs.tolist()) if len(pairs) else None


def _scores(material: Material, arm: str) -> pd.Series[Any]:
    trials = material.searched
    own = trials[(trials["arm_key"] == arm) & (trials["status"] == Status.COMPLETE.value)]
    found: pd.Series[Any] = own.drop_duplicates("replicate").set_index("replicate")["selection_iou"]
    return found


def _complete(material: Material, where: str) -> list[Block]:
    first = material.arms.iloc[0]
    name = material.arm_names([str(first["arm_key"])])[0]
    selection = shown(first["selection_iou"], first["selection_low"], first["selection_high"])
    scores = f"selection IoU {selection}, n = {counted(int(first['replicates']), 'trial')}"
    found, trial = _confirmed(material), str(first["best_trial"])
    if found is None:
        blocks = [*_named(material, str(first["arm_key"]), name, capital(scores)), Text(text=_tested(first))]
    else:
        trial = _trial_of(material, found.arms[0].arm_key)
        blocks = _confirmed_lead(material, found)
        blocks.append(
            Text(text=f"The search itself had put {shortened(name, _LONG)} first: {scores}. {_tested(first)}")
        )
    baselines = comparable_baselines(material)
    if baselines:
        told = ", ".join(f"{baseline} {value:.3f}" for baseline, value in baselines.items())
        blocks.append(Text(text=f"Trivial baselines on the selection set: {told}."))
    lead = lead_over_second(material)
    if lead is not None:
        second = material.arm_names([str(material.arms["arm_key"].iloc[1])])[0]
        blocks.append(Text(text=f"Lead over the second best of the search ({shortened(second, _LONG)}): {_lead(lead)}"))
    blocks += [] if found is None else [_confirmation_table(material, found)]
    command = f"seatbelt reproduce {where} {shlex.quote(trial)}"
    blocks.append(Command(what="Train it again and compare every epoch", command=command))
    return blocks


def _named(material: Material, arm: str, name: str, scores: str) -> list[Block]:
    """Return the best arm with its scores; one with a long name has its levels in a table."""
    if len(name) <= _LONG:
        return [Text(text=f"Best configuration: {name}. {scores}.", kind="lead")]
    cells = material.trials.drop_duplicates("arm_key").set_index("arm_key")["cell"]
    levels = [item for item in read_cell(cells[arm]).items() if item[0] in material.varied]
    table = Table(
        caption="The best configuration: its levels of the factors that vary",
        heads=(Head(name="factor"), Head(name="level")),
        rows=tuple(levels),
    )
    return [Text(text=f"Best configuration: arm {arm}, below. {scores}.", kind="lead"), table]


def _tested(first: pd.Series[Any]) -> str:
    test = shown(first["test_iou"], first["test_low"], first["test_high"])
    subjects = numbers([first["subjects"]])[0]
    if test == "-":
        return "Its test IoU is not recorded."
    over = "" if subjects is None else f" over {subjects:.0f} subjects"
    return f"Its test IoU is {test}{over}; it never ranked an arm. Intervals are 95 %."


def _lead(lead: Interval) -> str:
    paired = f"{lead.mean:+.3f}, n = {counted(lead.n, 'pair')} of trials"
    if lead.low is None or lead.high is None:
        return f"{paired}, which tells nothing of chance."
    decided = "decided" if lead.low > 0 or lead.high < 0 else "not decided: it may be chance"
    return f"{paired}, 95 % [{lead.low:+.3f}, {lead.high:+.3f}]; {decided}."


def _confirmed(material: Material) -> Confirmed | None:
    if not (material.trials["role"] == "confirmation").any():
        return None
    try:
        return confirmed(material.sweep)
    except UserError:
        # It is under way: none is complete yet.
        return None


def _trial_of(material: Material, arm: str) -> str:
    trials = material.trials
    own = trials[(trials["arm_key"] == arm) & (trials["role"] == "confirmation") & (trials["status"] == "COMPLETE")]
    return str(own["trial_key"].iloc[0])


def _confirmed_lead(material: Material, found: Confirmed) -> list[Block]:
    best = found.arms[0]
    name = material.name_of(best.cell) or best.arm_key
    scores = (
        f"Selection IoU {best.selection.text()}, confirmed with fresh seeds, n = {counted(best.replicates, 'trial')}"
    )
    blocks = _named(material, best.arm_key, name, scores)
    if best.test is not None:
        text = f"Test IoU {best.test.text()} over {best.test.n} subjects: it never ranked an arm. Intervals are 95 %."
        blocks.append(Text(text=text))
    difference = best.selection_difference
    if difference is not None and difference.low is not None and difference.high is not None:
        decided = "decided" if difference.low > 0 or difference.high < 0 else "not decided"
        blocks.append(
            Text(text=f"Against the baseline {difference.text()}, n = {counted(difference.n, 'pair')}; {decided}.")
        )
    return blocks


def _confirmation_table(material: Material, found: Confirmed) -> Table:
    heads = (
        Head(name="arm"),
        Head(name="n", digits=0),
        Head(name="confirmed selection IoU"),
        Head(name="in the search", digits=3),
        Head(name="shrinkage", digits=3),
        Head(name="confirmed test IoU"),
        Head(name="minus baseline, selection"),
    )
    rows = []
    for arm in found.arms:
        name = material.name_of(arm.cell) or arm.arm_key
        baseline = arm.arm_key == found.baseline
        difference = "(baseline)" if baseline else _text(arm.selection_difference)
        rows.append(
            (name, arm.replicates, arm.selection.text(), arm.searched, arm.shrinkage, _text(arm.test), difference)
        )
    caption = "Confirmed arms, best first; shrinkage is the searched score minus the confirmed one"
    return Table(caption=caption, heads=heads, rows=tuple(rows))


def _text(interval: Interval | None) -> str:
    return "-" if interval is None else interval.text()


def _provisional(material: Material, where: str) -> list[Block]:
    began = material.searched[material.searched["epochs_done"] > 0]
    if began.empty:
        return [
            Text(text="There is no answer yet: no epoch was measured.", kind="lead"),
            Command(what="See how far it is", command=f"seatbelt status {where}"),
        ]
    first = began.sort_values("selection_iou", ascending=False, kind="stable").iloc[0]
    name = material.arm_names([str(first["arm_key"])])[0]
    return [
        Text(
            text=(
                f"Provisional: no trial is complete. The best so far is {name} with selection IoU "
                f"{first['selection_iou']:.3f} after {counted(int(first['epochs_done']), 'epoch')}, n = 1 trial."
            ),
            kind="lead",
        ),
        Command(what="See how far it is", command=f"seatbelt status {where}"),
    ]
