"""How a sweep ends: the reason, and the paused trials that are pruned."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from runners.core.events import CertaintyJudged, Decided
from runners.core.halving import allowed_promotions, rank
from runners.core.history import History
from runners.core.plan import Finished, Plan
from runners.core.trial_state import TrialState, score_at
from seatbelt.records.sweep import cell_text
from seatbelt.records.tables import WITHOUT_RESULT, Status
from seatbelt.text.wording import counted


def finished(plan: Plan, history: History, reason: str) -> Finished:
    """Return the end of a sweep; trials that wait at a rung are pruned, unless the session only confirms."""
    pruned = []
    for rung in plan.rungs[:-1] if plan.confirmation is None else ():
        states = history.rungs.get(rung, {}).values()
        for state, (negative, _, key) in ((rung_state, entry) for rung_state in states for entry in rung_state.waiting):
            trial = history.trials[key]
            if trial.status == "PAUSED":
                pruned.append(
                    Decided(
                        kind="prune",
                        by="asha",
                        trial_key=key,
                        epoch=rung,
                        score=score_at(trial, rung),
                        rank=rank(state, -negative),
                        compared=state.reached,
                        allowed=allowed_promotions(state, plan.eta, last_call=False),
                        reason=f"not among the best at epoch {rung} when the sweep ended",
                    )
                )
    return Finished(reason=reason, pruned=tuple(pruned))


def affordable_epochs(plan: Plan, history: History) -> int | None:
    """Return how many epochs may still be assigned; None for no limit, as in a confirmation."""
    if plan.limits.epochs is None or plan.confirmation is not None:
        return None
    return plan.limits.epochs - history.committed_epochs


def is_certain(plan: Plan, history: History) -> bool:
    """Return whether the recommended arm is among the best with the required probability."""
    judged, limits = history.certainty, plan.limits
    if limits.until is None or judged is None or plan.confirmation is not None:
        return False
    return judged.within == limits.until and judged.probability is not None and judged.probability >= limits.sure


def certain_reason(judged: CertaintyJudged, history: History) -> str:
    """Return why a sweep ends that is sure enough."""
    if noise_is_measured(history):
        return certain_text(judged)
    return (
        f"{certain_text(judged)} by the model, which guesses the noise between replicates: no two arms have two "
        "complete trials"
    )


def noise_is_measured(history: History) -> bool:
    """Return whether two arms have two complete trials each.

    Without them the noise between replicates is unknown, and the model's probabilities rest on its prior.
    """
    counts = Counter(v.plan.arm_key for v in history.by_number if v.role == "arm" and v.status is Status.COMPLETE)
    return sum(count > 1 for count in counts.values()) > 1


def as_measured(judged: CertaintyJudged, history: History) -> CertaintyJudged:
    """Return a judgement without the numbers that rest on unmeasured noise."""
    return judged if noise_is_measured(history) else replace(judged, probability=None, rival=None, more=None)


def certain_text(judged: CertaintyJudged) -> str:
    """Return how sure a recommendation is, as a sentence."""
    within = f"{cell_text(judged.cell)} is within {judged.within:g} of the best"
    if judged.probability is None:
        return f"the noise between replicates is unknown, so that there is no probability that {within}"
    return f"{within} with probability {judged.probability:.2f}"


def end_reason(plan: Plan, history: History) -> str:
    """Return why nothing is left to run."""
    if plan.confirmation is not None:
        return "every arm is confirmed"
    if plan.limits.trials is not None and history.arm_trials >= plan.limits.trials:
        return "the limit of --trials is reached"
    affordable = affordable_epochs(plan, history)
    first = plan.epochs if plan.prune == "none" or not plan.rungs else plan.rungs[0]
    if affordable is not None and affordable < first:
        return "the limit of --epochs is reached"
    return "every arm has its trials" if plan.propose == "exhaustive" else "nothing is left to run"


def broken_reason(history: History) -> str:
    """Return why the circuit breaker ended the sweep."""
    error = next((view.error for view in history.by_number if view.status == "FAILED"), None)
    return (
        f"its first {counted(history.failures.count, 'trial')} failed with the same error: {error}; mend it, then "
        "`seatbelt resume --retry failed`"
    )


def no_success(history: History) -> bool:
    """Return whether at least one trial ended, and none with a result."""
    ended = [view for view in history.by_number if view.status not in (Status.PLANNED, Status.INTERRUPTED)]
    return bool(ended) and all(view.status in WITHOUT_RESULT for view in ended)


def first_without_success(history: History) -> TrialState:
    """Return the first trial that ended without a result."""
    return next(view for view in history.by_number if view.status in WITHOUT_RESULT)


def no_success_text(history: History, sweep: str) -> str:
    """Return that no trial has a result, with the first reason and what to do.

    Args:
        history: History of the sweep.
        sweep: Its location, quoted for a command.
    """
    first = first_without_success(history)
    counts = Counter(view.status for view in history.by_number if view.status in WITHOUT_RESULT)
    ends = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    return (
        f"no trial has a result ({ends}); the first, {first.name}: "
        f"{first.error or 'no reason was recorded'}; {_ADVICE[first.status].format(sweep=sweep)}"
    )


_ADVICE = {
    Status.FAILED: "mend that, then `seatbelt resume {sweep} --retry failed`",
    Status.DIVERGED: "launch it again with lower --fix encoder_learning_rate= and --fix decoder_learning_rate=, under "
    "another --name",
    Status.OUT_OF_MEMORY: "launch it again with a smaller --size or --fix batch_size=, under another --name, or run "
    "`seatbelt resume {sweep} --retry out-of-memory` where there is more memory",
}
