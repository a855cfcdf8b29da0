"""The loop around the decision core, shared by the driver and by every simulation of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from runners.core.events import Decided, Event
from runners.core.next_leg import Step
from runners.core.plan import Finished, Leg, Record, Wait


class RecordEvents(Protocol):
    """A function that records events."""

    def __call__(self, *events: Event) -> None:
        """Record events with the present time, before anything follows from them."""


def advance(decide: Callable[[], Step], record: RecordEvents) -> Leg | Wait | Finished:
    """Decide and record until there is a leg to run, nothing to start, or an end.

    Args:
        decide: Returns the next step, from everything that is recorded.
        record: Records events; the times that they carry are placeholders.

    Returns:
        A leg, recorded as started; `Wait`; or `Finished`, with its decisions recorded.
    """
    step = decide()
    while isinstance(step, Record):
        assert step.events, "a step without events would repeat for ever"
        record(*step.events)
        step = decide()
    if isinstance(step, Leg):
        record(*([step.planned] if step.planned else []), step.decided, step.started)
    elif isinstance(step, Finished):
        record(*step.pruned, Decided(kind="finish", by="plan", reason=step.reason))
    return step
