"""What a decision of a factorial sweep costs: the joint space at 100, 1,000 and 10,000 trials.

The history is one of random cells of a synthetic world, pruned by successive halving. Each decision that is timed
proposes a new trial, which is then trained, so that no two see the same history. Optuna's TPE proposes from the same
history, by the product's own `--propose optuna`. Times are CPU time of the one thread that decides: what a decision
takes where nobody else wants the processor.
"""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from runners.core.events import EpochMeasured, LegEnded, SessionOpened
from runners.core.halving import default_rungs
from runners.core.history import History
from runners.core.next_leg import next_leg
from runners.core.plan import Leg, Plan, Record
from runners.core.strategies import strategy_of
from runners.simulation.synthetic import EPOCHS, SyntheticWorld, family_world

SIZES = {100: 0.05, 1_000: 0.3, 10_000: 1.0}
"""Trials -> seconds that a decision may take."""
DECISIONS = 20
PEER_DECISIONS = {100: 5, 1_000: 5, 10_000: 2}


def measure(folder: Path) -> list[str]:
    """Time decisions, the learning of scales apart, and the memory that one needs for a moment."""
    world = family_world("joint:indep", 0)
    plan = Plan(space=world.space, base=world.base, propose="factorial", prune="asha", rungs=default_rungs(EPOCHS, 3))
    filling = replace(plan, propose="random")
    history = History([SessionOpened(session="s", host="virtual", pid=1, limits={}, at=0.0)])
    lines = []
    for size, goal in SIZES.items():
        while history.arm_trials < size or not _is_new(next_leg(filling, history)):
            _train(next_leg(filling, history), history, world)
        lines += _measured(plan, history, world, size, goal)
    return lines


def _measured(plan: Plan, history: History, world: SyntheticWorld, size: int, goal: float) -> list[str]:
    learning: list[float] = []
    deciding: list[float] = []
    while len(deciding) < DECISIONS:
        step, seconds = _timed(lambda: next_leg(plan, history))
        if isinstance(step, Record):
            learning.append(seconds)
            for event in step.events:
                history.apply(event)
            continue
        if _is_new(step):
            deciding.append(seconds)
        _train(step, history, world)
    tracemalloc.start()
    step = next_leg(plan, history)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    peers = [
        _timed(lambda: strategy_of(replace(plan, propose="optuna")).propose(plan, history))[1]
        for _ in range(PEER_DECISIONS[size])
    ]
    middle = statistics.median(deciding)
    peer = statistics.median(peers)
    return [
        f"{size:>6,} trials: {1000 * middle:.0f} ms a decision, at most {1000 * max(deciding):.0f} ms of {DECISIONS} "
        f"(goal {1000 * goal:.0f}), at most {peak / 1e6:.0f} MB for a moment",
        f"{size:>6,} trials: scales learned in {', '.join(f'{1000 * x:.0f}' for x in learning) or 'no'} ms; with it "
        f"{1000 * (middle + max(learning, default=0.0)):.0f} ms",
        f"{size:>6,} trials: Optuna's TPE from the same history {1000 * peer:.0f} ms: {peer / middle:.1f} x",
    ]


def _timed(function: Callable[[], object]) -> tuple[object, float]:
    started = time.process_time()
    result = function()
    return result, time.process_time() - started


def _is_new(step: object) -> bool:
    return isinstance(step, Leg) and step.planned is not None


def _train(step: object, history: History, world: SyntheticWorld) -> None:
    """Take in a leg and what its worker would have measured."""
    assert isinstance(step, Leg)
    for event in (step.planned, step.decided, step.started):
        if event is not None:
            history.apply(event)
    planned = history.trials[step.trial_key].plan
    curve = world.curve(planned.cell, planned.replicate)
    for epoch in range(step.start + 1, step.stop + 1):
        score = float(curve[epoch - 1])
        history.apply(
            EpochMeasured(trial_key=step.trial_key, attempt=step.attempt, epoch=epoch, score=score, metrics={}, at=0.0)
        )
    outcome = "complete" if step.stop == EPOCHS else "paused"
    history.apply(LegEnded(trial_key=step.trial_key, attempt=step.attempt, outcome=outcome, epoch=step.stop, at=0.0))
