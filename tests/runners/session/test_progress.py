from __future__ import annotations

import io

import pytest

from runners.core.events import Decided, EpochMeasured, LegEnded, Planned, SessionOpened
from runners.core.history import History
from runners.core.next_leg import next_leg
from runners.core.plan import Finished, Leg, Limits, Plan
from runners.session.progress import Progress, total_epochs
from search_spaces.space import Space
from tests.runners.conftest import describe


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def plan(*, prune: str = "none", limits: Limits | None = None, epochs: int = 9, decoders: int = 6) -> Plan:
    return describe(encoders=2, decoders=decoders, prune=prune, epochs=epochs).plan(limits or Limits())


def play(stream: io.StringIO) -> None:
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
        LegEnded(trial_key=key, attempt=1, outcome="failed", epoch=2, at=4.0, error="no memory left"),
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
    levels = "encoder={}, decoder={}".format(*cell.split())
    assert lines == [
        f"[0] {cell} epoch 1/9: selection IoU 0.250",
        f"[0] {cell} epoch 2/9: selection IoU 0.500",
        f"[0] {cell} FAILED: no memory left",
        "1 FAILED; 2 epochs",
        f"failed: no trial has a result (1 FAILED); the first, [0] {levels}: no memory left; mend that, then `seatbelt "
        "resume SWEEP --retry failed`",
    ]
    assert "\x1b" not in stream.getvalue()


def test_a_live_table_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    play(stream)
    screen = stream.getvalue()
    assert "trials 0/12" in screen
    assert "epochs 2" in screen
    assert "best 0.500" in screen
    assert "time left" in screen
    assert "2/9" in screen
    assert "FAILED: no memory left" in screen


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
