"""Subclasses of Ray Tune's classes. This module imports Ray, so import it after `prepare_ray`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from ray import tune
from ray.tune.search import Searcher

from runners.core.plan import Finished, Wait
from runners.engines.isolation import terminate_children_again
from runners.engines.leg_worker import LegWorker
from runners.engines.lost_workers import error_of
from runners.engines.running_legs import RunningLegs
from runners.engines.worker_location import held_until, place_here
from runners.worker.messages import LegMessage, LegTask, from_json


class _Leg(tune.Trainable):
    """One leg; each step reports what happened up to the end of the next epoch."""

    run_leg: ClassVar[Callable[[LegTask], Iterator[LegMessage]]]

    def setup(self, config: dict[str, Any]) -> None:
        terminate_children_again()
        self._worker = LegWorker(place_here(), held_until, type(self).run_leg)
        self._worker.begin(config)

    def step(self) -> dict[str, Any]:
        return self._worker.step()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._worker.begin(new_config)
        return True

    def cleanup(self) -> None:
        self._worker.close()


def trainable_of(run_leg: Callable[[LegTask], Iterator[LegMessage]]) -> type[tune.Trainable]:
    """Return Ray's trainable for legs that this function runs."""
    return type("SeatbeltLeg", (_Leg,), {"run_leg": staticmethod(run_leg)})


class LegSearcher(Searcher):
    """Hands out the driver's next leg."""

    def __init__(self, legs: RunningLegs) -> None:
        super().__init__()
        self._legs = legs

    def suggest(self, trial_id: str) -> Any:  # noqa: ANN401  (a dict, None, or Ray's word for the end)
        step = self._legs.next(trial_id)
        if isinstance(step, Finished):
            return Searcher.FINISHED
        return None if isinstance(step, Wait) else step

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        if not error:
            self._legs.ended(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: a sweep resumes from its ledger, never from Ray's snapshots."""

    def restore(self, checkpoint_path: str) -> None:
        raise AssertionError("a sweep is resumed from its ledger, never from Ray's snapshots")


class StopRequested(tune.Stopper):
    """Ends legs, and the whole run, when the driver stops."""

    def __init__(self, legs: RunningLegs) -> None:
        self._legs = legs

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return self._legs.has_no_more(trial_id)

    def stop_all(self) -> bool:
        return self._legs.driver.stop.poll() and not self._legs.running


class LegRecorder(tune.Callback):
    """Passes messages and losses of workers on to the driver."""

    def __init__(self, legs: RunningLegs) -> None:
        self._legs = legs

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Any],
        trial: Any,  # noqa: ANN401  (Ray's trials have no types)
        result: dict[str, Any],
        **info: Any,  # noqa: ANN401
    ) -> None:
        self._legs.messages(trial.trial_id, from_json(result.pop("messages")))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ANN401
        self._legs.failed(trial.trial_id, error_of(trial))

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ANN401
        self._legs.tick()
