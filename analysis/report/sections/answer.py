"""The best configuration, how certain it is, and how to reproduce it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from analysis.answers.confirmation import Confirmations, confirmed
from analysis.figures.chart import numbers, shortened
from analysis.figures.chart import with_interval as value_text
from analysis.figures.progress import comparable_baselines
from analysis.figures.sweep_data import SweepData
from analysis.reading.trial_cells import complete_trials
from analysis.report.blocks import Block, Column, Command, Section, Table, Text, capital
from analysis.statistics.intervals import Interval, over_replicates
from seatbelt.errors import UserError
from seatbelt.records.sweep import read_cell
from seatbelt.records.tables import Status
from seatbelt.text.wording import counted

if TYPE_CHECKING:
    import pandas as pd

_LONG = 90
"""Longest name to show in a sentence, characters."""


def answer(data: SweepData) -> Section:
    """Return the section."""
    where = shlex.quote(data.sweep.root)
    question = data.sweep.record.question
    blocks: list[Block] = [Text(text=question, kind="note")] if question else []
    if data.arms.empty:
        blocks += _provisional(data, where)
    else:
        blocks += _complete(data, where)
    return Section(name="answer", title="Answer", blocks=tuple(blocks))


def lead_over_second(data: SweepData) -> Interval | None:
    """Return the difference of the selection IoU of the two best arms, paired by replicate; None without pairs."""
    keys = data.arms["arm_key"].head(2).tolist()
    if len(keys) < 2:
        return None
    first, second = (_scores(data, key) for key in keys)
    pairs = (first - second).dropna()
    return over_replicates(pairs.tolist()) if len(pairs) else None


def _scores(data: SweepData, arm: str) -> pd.Series[Any]:
    trials = data.searched
    of_arm = trials[(trials["arm_key"] == arm) & (trials["status"] == Status.COMPLETE)]
    scores: pd.Series[Any] = of_arm.drop_duplicates("replicate").set_index("replicate")["selection_iou"]
    return scores


def _complete(data: SweepData, where: str) -> list[Block]:
    first = data.arms.iloc[0]
    name = data.arm_names([str(first["arm_key"])])[0]
    selection = value_text(first["selection_iou"], first["selection_low"], first["selection_high"])
    scores = f"selection IoU {selection}, n = {counted(int(first['replicates']), 'trial')}"
    confirmations = _confirmed(data)
    if confirmations is None:
        blocks = [*_named(data, str(first["arm_key"]), name, capital(scores)), Text(text=_tested(first))]
    else:
        blocks = _confirmed_lead(data, confirmations)
        blocks.append(Text(text=f"The search itself ranked {shortened(name, _LONG)} first: {scores}. {_tested(first)}"))
    baselines = comparable_baselines(data)
    if baselines:
        baseline_texts = ", ".join(f"{baseline} {value:.3f}" for baseline, value in baselines.items())
        blocks.append(Text(text=f"Trivial baselines on the selection set: {baseline_texts}."))
    lead = lead_over_second(data)
    if lead is not None:
        second = data.arm_names([str(data.arms["arm_key"].iloc[1])])[0]
        blocks.append(Text(text=f"Lead over the second best of the search ({shortened(second, _LONG)}): {_lead(lead)}"))
    blocks += [] if confirmations is None else [_confirmation_table(data, confirmations)]
    return [*blocks, *_next_steps(data, where, None if confirmations is None else confirmations.arms[0].arm_key)]


def _next_steps(data: SweepData, where: str, confirmed_arm: str | None) -> list[Block]:
    """Return where the weights are, and the next commands; a confirmed arm need not be the one that `best` names."""
    arms = dict(zip(data.arms["arm_key"], data.arms["best_trial"], strict=True))
    best = str(data.arms["arm_key"].iloc[0])
    arm = confirmed_arm or best
    trial = str(arms[arm]) if arm in arms else _trial_of(data, arm)
    word, model = ("best", where) if arm == best else (data.trial_word(trial), "best")
    name, weights = data.trial_name(trial), data.weights_of(trial)
    if weights is None:
        text = f"The weights of its best trial {name} are not kept (`--keep-weights`)."
    else:
        text = f"The weights of its best trial {name}: `{weights}`."
    commands = {
        "Train it again and compare every epoch": f"reproduce {where} {shlex.quote(data.trial_word(trial))}",
        "Measure how much of its lead is luck": f"confirm {where} --top 3 --replicates 3",
        "Write the model as files that anything can load": f"model {where} {shlex.quote(word)} --out best",
        "Predict new images": f"predict {model} IMAGES --out predictions",
    }
    if confirmed_arm is not None or len(data.arms) < 2:
        del commands["Measure how much of its lead is luck"]
    return [Text(text=text), *(Command(what=what, command=f"seatbelt {c}") for what, c in commands.items())]


def _named(data: SweepData, arm: str, name: str, scores: str) -> list[Block]:
    """Return the best arm with its scores; the levels of an arm with a long name are in a table."""
    if len(name) <= _LONG:
        return [Text(text=f"Best configuration: {name}. {scores}.", kind="lead")]
    cells = data.trials.drop_duplicates("arm_key").set_index("arm_key")["cell"]
    levels = [item for item in read_cell(cells[arm]).items() if item[0] in data.varied]
    table = Table(
        caption="Levels of the best configuration, for the factors that vary",
        columns=(Column(name="factor"), Column(name="level")),
        rows=tuple(levels),
    )
    return [Text(text=f"Best configuration: arm {arm}, below. {scores}.", kind="lead"), table]


def _tested(first: pd.Series[Any]) -> str:
    test = value_text(first["test_iou"], first["test_low"], first["test_high"])
    subjects = numbers([first["subjects"]])[0]
    if test == "-":
        return "Its test IoU is not recorded."
    over = "" if subjects is None else f" over {subjects:.0f} subjects"
    return f"Its test IoU is {test}{over}; it was not used for ranking. Intervals are 95 %."


def _lead(lead: Interval) -> str:
    paired = f"{lead.mean:+.3f}, n = {counted(lead.n, 'pair')} of trials"
    if lead.low is None or lead.high is None:
        return f"{paired}, which says nothing about chance."
    decided = "decided" if lead.low > 0 or lead.high < 0 else "not decided: it may be chance"
    return f"{paired}, 95 % [{lead.low:+.3f}, {lead.high:+.3f}]; {decided}."


def _confirmed(data: SweepData) -> Confirmations | None:
    if not (data.trials["role"] == "confirmation").any():
        return None
    try:
        return confirmed(data.sweep)
    except UserError:
        # No confirming trial is complete yet.
        return None


def _trial_of(data: SweepData, arm: str) -> str:
    trials = data.trials
    confirming = complete_trials(trials[trials["arm_key"] == arm], "confirmation")
    return str(confirming["trial_key"].iloc[0])


def _confirmed_lead(data: SweepData, confirmations: Confirmations) -> list[Block]:
    best = confirmations.arms[0]
    name = data.name_of(best.cell) or best.arm_key
    scores = (
        f"Selection IoU {best.selection.text()}, confirmed with fresh seeds, n = {counted(best.replicates, 'trial')}"
    )
    blocks = _named(data, best.arm_key, name, scores)
    if best.test is not None:
        text = (
            f"Test IoU {best.test.text()} over {best.test.n} subjects: it was not used for ranking. Intervals are 95 %."
        )
        blocks.append(Text(text=text))
    difference = best.selection_difference
    if difference is not None and difference.low is not None and difference.high is not None:
        decided = "decided" if difference.low > 0 or difference.high < 0 else "not decided"
        blocks.append(
            Text(text=f"Against the baseline {difference.text()}, n = {counted(difference.n, 'pair')}; {decided}.")
        )
    return blocks


def _confirmation_table(data: SweepData, confirmations: Confirmations) -> Table:
    columns = (
        Column(name="arm"),
        Column(name="n", digits=0),
        Column(name="confirmed selection IoU"),
        Column(name="in the search", digits=3),
        Column(name="shrinkage", digits=3),
        Column(name="confirmed test IoU"),
        Column(name="minus baseline, selection"),
    )
    rows = []
    for arm in confirmations.arms:
        name = data.name_of(arm.cell) or arm.arm_key
        baseline = arm.arm_key == confirmations.baseline
        difference = "(baseline)" if baseline else _text(arm.selection_difference)
        rows.append(
            (name, arm.replicates, arm.selection.text(), arm.searched, arm.shrinkage, _text(arm.test), difference)
        )
    caption = "Confirmed arms, best first; shrinkage is the score in the search minus the confirmed score"
    return Table(caption=caption, columns=columns, rows=tuple(rows))


def _text(interval: Interval | None) -> str:
    return "-" if interval is None else interval.text()


def _provisional(data: SweepData, where: str) -> list[Block]:
    began = data.searched[data.searched["epochs_done"] > 0]
    if began.empty:
        return [
            Text(text="There is no answer yet: no epoch has been measured.", kind="lead"),
            Command(what="See its progress", command=f"seatbelt status {where}"),
        ]
    first = began.sort_values("selection_iou", ascending=False, kind="stable").iloc[0]
    name = data.arm_names([str(first["arm_key"])])[0]
    return [
        Text(
            text=(
                f"Provisional: no trial is complete. The best so far is {name} with selection IoU "
                f"{first['selection_iou']:.3f} after {counted(int(first['epochs_done']), 'epoch')}, n = 1 trial."
            ),
            kind="lead",
        ),
        Command(what="See its progress", command=f"seatbelt status {where}"),
    ]
