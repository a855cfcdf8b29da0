"""Asynchronous successive halving by promotion (Li et al. 2020, arXiv:1810.05934).

Ours differs in one rule: a rung allows one promotion for every `eta` trials that reached it, and the best waiting
trial gets it, so that a decision needs no scan. The first rung lies at a third of the full epochs, because earlier
rungs rank slow starters wrongly. Trials are compared within one schedule of the learning rates: at a third of the
epochs a plateau schedule has settled, while a cosine is still at three quarters of its rate.
"""

from __future__ import annotations

import bisect
import itertools
from dataclasses import dataclass

from runners.core.history import History
from runners.core.trial_state import RungState
from seatbelt.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A paused trial that continues, with the numbers of the decision."""

    trial_key: str
    rung: int
    next_rung: int
    score: float
    rank: int
    compared: int
    allowed: int


def default_rungs(epochs: int, eta: int) -> tuple[int, ...]:
    """Return the rungs of a halving sweep: a third (1 / eta) of the full epochs, and the full epochs."""
    first = -(-epochs // eta)
    return (first, epochs) if first < epochs else (epochs,)


def check_rungs(rungs: tuple[int, ...], epochs: int) -> tuple[int, ...]:
    """Return the rungs with the full epochs as the last one.

    Raises:
        UserError: They do not rise from 1 to below the full epochs.
    """
    if any(rung < 1 or rung > epochs for rung in rungs) or list(rungs) != sorted(set(rungs)):
        text = ",".join(map(str, rungs))
        raise UserError(f"--rungs must rise from 1 to at most {epochs} (the full epochs), but got {text}")
    return rungs if rungs and rungs[-1] == epochs else (*rungs, epochs)


def next_promotion(
    history: History, rungs: tuple[int, ...], eta: int, *, last_call: bool, affordable: int | None
) -> Promotion | None:
    """Return the promotion that is due, from the highest rung down, or None.

    Args:
        history: The sweep so far.
        rungs: Rising epochs; the last one is the end of a trial.
        eta: One in this many trials is promoted.
        last_call: Nothing runs, and nothing new will: a rung with fewer than `eta` trials promotes its best.
        affordable: Epochs that may still be assigned; None for no limit.
    """
    for rung, next_rung in reversed(list(itertools.pairwise(rungs))):
        if affordable is not None and next_rung - rung > affordable:
            continue
        for state in history.rungs.get(rung, {}).values():
            allowed = allowed_promotions(state, eta, last_call=last_call)
            if not state.waiting or state.promoted >= allowed:
                continue
            negative, _, key = state.waiting[0]
            return Promotion(
                trial_key=key,
                rung=rung,
                next_rung=next_rung,
                score=-negative,
                rank=rank(state, -negative),
                compared=state.reached,
                allowed=allowed,
            )
    return None


def allowed_promotions(rung: RungState, eta: int, *, last_call: bool) -> int:
    """Return the number of promotions that a rung allows so far."""
    return max(rung.reached // eta, 1 if last_call else 0)


def rank(rung: RungState, score: float) -> int:
    """Return the rank of a score among all that reached the rung; 1 is best."""
    return bisect.bisect_left(rung.ranking, -score) + 1
