"""How far a sweep is that has not finished: epochs, trials, time left, who runs it, failures, running curves."""

from __future__ import annotations

import contextlib
import datetime
import shlex
from dataclasses import dataclass

import pandas as pd

from analysis.figures import figure
from analysis.figures.chart import NotApplicableError
from analysis.figures.sweep_data import SweepData
from analysis.report.blocks import Block, Column, Meter, Picture, Section, Table, Text, capital
from seatbelt.records.tables import FINAL, WITHOUT_RESULT, Status
from seatbelt.text.wording import counted, duration

_TIME = "%Y-%m-%d %H:%M:%S UTC"
_ENDED = [status.value for status in (*FINAL, Status.PRUNED)]
_FAILED = [status.value for status in WITHOUT_RESULT]
_MOST_RUNNING = 20

_LAST_EVENT = """
select trial_key, 'epoch ' || epoch as what, selection_iou as score, epoch("at") as seconds from epochs
where "at" is not null
union all
select trial_key, status, selection_iou, epoch(ended_at) from trials where ended_at is not null
order by seconds desc limit 1
"""

_LAST_FAILURE = f"""
select trial_key, error from trials where status in ({", ".join(f"'{status}'" for status in _FAILED)})
order by ended_at desc nulls last, number desc limit 1
"""

_FINISH = (
    "select max(number) filter (kind = 'finish') as finish, max(number) as last from decisions where kind != 'prune'"
)


@dataclass(frozen=True, kw_only=True)
class Session:
    """What the tables do not say: the session that runs, and the plan of the sweep."""

    driver: str | None
    """The process that runs the sweep, in words; None if none does."""
    started: float | None
    """When the last session began, seconds since 1970."""
    most_trials: int | None
    most_epochs: int | None
    """Roughly how many epochs the sweep will train."""


def progress(data: SweepData, session: Session | None, now: datetime.datetime) -> Section | None:
    """Return the section; None for a sweep that has finished.

    Args:
        data: The sweep.
        session: What the tables do not say; None if nobody knows.
        now: When the report is made, UTC.
    """
    driver = None if session is None else session.driver
    if driver is None and (session is None or _has_finished(data)):
        return None
    trials = data.searched
    epochs = int(trials["epochs_done"].sum())
    most = session.most_epochs if session is not None else None
    share = min(1.0, epochs / most) if most else None
    total = f"{epochs:,} of about {counted(most, 'epoch')}" if most else counted(epochs, "epoch")
    percent = "" if share is None else f" ({100 * share:.0f} %)"
    blocks: list[Block] = [Meter(share=share, text=f"{total}{percent}; {_trials(data, session)}.")]
    blocks.append(Text(text=_who(data, session, now, epochs)))
    blocks += _events(data)
    blocks += _running(data)
    with contextlib.suppress(NotApplicableError):
        blocks.append(Picture(figure=figure("running", data)))
    return Section(name="progress", title="Progress", blocks=tuple(blocks))


def _has_finished(data: SweepData) -> bool:
    """Return whether the end of the sweep was the last decision."""
    row = data.rows(_FINISH).iloc[0]
    return bool(pd.notna(row["finish"]) and row["finish"] == row["last"])


def _trials(data: SweepData, session: Session | None) -> str:
    statuses = data.searched["status"]
    most = session.most_trials if session is not None else None
    total = f" of {most:,}" if most else ""
    running = int((data.trials["status"] == Status.RUNNING).sum())
    waiting = int((statuses == Status.PAUSED).sum())
    text = f"{statuses.isin(_ENDED).sum():,}{total} trials ended"
    text += f", {running:,} running" if running and session is not None and session.driver else ""
    return text + (f", {waiting:,} waiting at a rung" if waiting else "")


def _who(data: SweepData, session: Session | None, now: datetime.datetime, epochs: int) -> str:
    if session is None or session.driver is None:
        return f"Nobody runs it now; `seatbelt resume {shlex.quote(data.sweep.root)}` continues it."
    text = f"{capital(session.driver)} runs it"
    if session.started is None:
        return f"{text}."
    elapsed = now.timestamp() - session.started
    done = int(data.rows('select count(*) as n from epochs where epoch("at") >= ?', [session.started])["n"].iloc[0])
    if done and session.most_epochs is not None and session.most_epochs > epochs:
        return f"{text}; at this pace about {duration(elapsed / done * (session.most_epochs - epochs))} are left."
    return f"{text}."


def _events(data: SweepData) -> list[Block]:
    """Return the last event, and the failures."""
    blocks: list[Block] = []
    last = data.rows(_LAST_EVENT)
    if len(last):
        row = last.iloc[0]
        at = datetime.datetime.fromtimestamp(float(row["seconds"]), datetime.UTC).strftime(_TIME)
        score = f", selection IoU {row['score']:.3f}" if pd.notna(row["score"]) else ""
        blocks.append(Text(text=f"Last event, {at}: {data.trial_name(str(row['trial_key']))}, {row['what']}{score}."))
    failed = data.trials[data.trials["status"].isin(_FAILED)]
    if len(failed):
        counts = ", ".join(f"{n} {status}" for status, n in sorted(failed["status"].value_counts().items()))
        row = data.rows(_LAST_FAILURE).iloc[0]
        reason = " ".join(str(row["error"] or "no reason was recorded").split())
        text = f"Without a result: {counts}; the last is {data.trial_name(str(row['trial_key']))}: {reason}"
        blocks.append(Text(text=text, kind="warning"))
    return blocks


def _running(data: SweepData) -> list[Block]:
    running = data.trials[data.trials["status"] == Status.RUNNING]
    if running.empty:
        return []
    columns = (
        Column(name="running trial"),
        Column(name="epoch", digits=0),
        Column(name="of", digits=0),
        Column(name="best selection IoU", digits=3),
    )
    rows = tuple(
        (
            data.trial_name(str(row["trial_key"])),
            int(row["epochs_done"]),
            None if pd.isna(row["epochs_planned"]) else int(row["epochs_planned"]),
            None if pd.isna(row["selection_iou"]) else float(row["selection_iou"]),
        )
        for row in running.head(_MOST_RUNNING).to_dict(orient="records")
    )
    return [Table(caption=f"{counted(len(running), 'trial')} running", columns=columns, rows=rows)]
