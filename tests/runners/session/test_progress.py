from __future__ import annotations

import io
import re

import pytest

from runners.core.events import Decided, EpochMeasured, LegEnded, Planned, SessionOpened
from runners.core.history import History
from runners.core.next_leg import next_leg
from runners.core.plan import Finished, Leg, Limits, Plan
from runners.session.progress import Progress
from runners.session.sweep_progress import total_epochs
from search_spaces.space import Space
from tests.runners.conftest import describe


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def plan(*, prune: str = "none", limits: Limits | None = None, epochs: int = 9, decoders: int = 6) -> Plan:
    return describe(encoders=2, decoders=decoders, prune=prune, epochs=epochs).plan(limits or Limits())


def play(stream: io.StringIO, error: str = "no memory left") -> None:
    """One trial of nine epochs trains for two and fails."""
    chosen, history, progress = plan(), History(), Progress(stream)
    progress.opened(chosen, history)
    leg = next_leg(chosen, history)
    assert isinstance(leg, Leg)
    assert isinstance(leg.planned, Planned)
    key = leg.trial_key
    events = [
        SessionOpened(session="s", host="h", pid=1, limits={}, at=0.0),
        leg.planned,
        leg.started,
        EpochMeasured(trial_key=key, attempt=1, epoch=1, score=0.25, metrics={}, at=2.0),
        EpochMeasured(trial_key=key, attempt=1, epoch=2, score=0.5, metrics={}, at=3.0),
        LegEnded(trial_key=key, attempt=1, outcome="failed", epoch=2, at=4.0, error=error),
    ]
    for event in events:
        history.apply(event)
        progress._refreshed = 0.0
        progress.event(event, history)
    progress.closed(chosen, history, Finished(reason="every arm has its trials"), None)


def test_plain_lines_without_a_terminal() -> None:
    stream = io.StringIO()
    play(stream)
    lines = stream.getvalue().splitlines()
    cell = lines[0].split("] ")[1].split(" epoch")[0]
    assert lines == [
        f"[0] {cell} epoch 1/9: selection IoU 0.250",
        f"[0] {cell} epoch 2/9: selection IoU 0.500",
        f"[0] {cell} FAILED: no memory left",
        "1 FAILED; 2 epochs in 4 s",
        f"failed: no trial has a result (1 FAILED); the first, [0] {cell}: no memory left; mend that, then `seatbelt "
        "resume SWEEP --retry failed`",
    ]
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("columns", [60, 80])
def test_the_live_view_never_wraps(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    play(stream, error="no memory left on a machine with a very long name, whose last words do not fit any terminal")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", stream.getvalue()).splitlines()
    view = [line.rstrip() for line in lines if line.startswith(("progress", "trials", "time", "best", "failed  "))]
    assert max(map(len, view)) <= columns
    # Of 12 trials of 9 epochs each.
    assert "progress  [------------] 2 of about 108 epochs (2 %)" in view
    assert "trials    0 of 12 ended, 1 running" in view
    assert "trials    1 of 12 ended" in view
    assert any(re.fullmatch(r"time      \d+ s elapsed, about \d+ s left", line) for line in view)
    assert any(re.fullmatch(r"best      0\.500 \[0\] resnet\w+ \w+", line) for line in view)
    assert any(re.fullmatch(r"failed    1 FAILED; last: \[0\] resnet.*…", line) for line in view)
    assert any(re.match(r"\[0\] resnet\w+ \w+ +2/9 +0.500 +0.500", line) for line in lines)


def test_a_summary_line_at_most_once_a_minute_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("runners.session.progress.time.monotonic", lambda: now)
    stream = io.StringIO()
    chosen, history, progress = plan(), History(), Progress(stream)
    progress.opened(chosen, history)
    leg = next_leg(chosen, history)
    assert isinstance(leg, Leg) and leg.planned is not None
    for event in (leg.planned, leg.started):
        history.apply(event)
    for seconds in (59.0, 1.0, 59.0):
        now += seconds
        progress.tick(history)
    assert stream.getvalue() == "0 of about 108 epochs (0 %), trials 0 of 12 ended, 1 running, 60 s elapsed\n"
    history.apply(EpochMeasured(trial_key=leg.trial_key, attempt=1, epoch=1, score=0.25, metrics={}, at=2.0))
    now += 1.0
    progress.tick(history)
    name = history.trials[leg.trial_key].name
    assert stream.getvalue().splitlines()[1] == (
        "1 of about 108 epochs (1 %), trials 0 of 12 ended, 1 running, 2 min elapsed, about 3 h 34 min left; "
        f"best 0.250 {name}"
    )


@pytest.mark.parametrize(
    ("chosen", "epochs"),
    [
        (plan(), 108),
        (plan(limits=Limits(replicates=2)), 216),
        (plan(limits=Limits(epochs=50)), 50),
        (plan(limits=Limits(trials=3)), 27),
        # 12 trials: 2 exempt for 9 epochs, 10 for 3, and 3 of them on to 9.
        (plan(prune="asha"), 2 * 9 + 10 * 3 + 3 * 6),
    ],
)
def test_total_epochs(chosen: Plan, epochs: int) -> None:
    assert total_epochs(chosen) == epochs


def test_an_adaptive_search_has_no_planned_end() -> None:
    chosen = plan()
    open_ended = Plan(space=Space(factors=chosen.space.factors), base=chosen.base, propose="optuna", rungs=(9,))
    assert total_epochs(open_ended) is None


def test_promotions_are_reported() -> None:
    stream = io.StringIO()
    chosen, history, progress = plan(prune="asha"), History(), Progress(stream)
    progress.opened(chosen, history)
    leg = next_leg(chosen, history)
    assert isinstance(leg, Leg)
    assert leg.planned is not None
    history.apply(leg.planned)
    decided = Decided(
        kind="promotion", by="asha", reason="best of those waiting", trial_key=leg.trial_key, rank=1, compared=7
    )
    progress.event(decided, history)
    assert "promoted (rank 1 of 7): best of those waiting" in stream.getvalue()
