"""Whether the emulation of Ray Tune decides as Ray Tune does: a real run, and the emulation over the same events.

python -m tests.benchmarks.ray_replay --world arch:slow --trials 40
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any, Literal

from runners.core.strategies.optuna_proposals import cell_of, distributions_of
from runners.engines.connection import Resources, connected, prepare_ray
from runners.simulation.peers.tools import PEERS
from runners.simulation.synthetic import family_world
from search_spaces.space import Cell

CONCURRENT = 2
_FAULTS = 4
"""One cell in so many raises an error at its third epoch."""
_SECONDS = 0.3
"""An epoch takes so long, so that trials overlap."""


@dataclass(frozen=True, kw_only=True)
class Happened:
    """What Ray Tune did: asked for a cell, decided after an epoch, or ended a trial.

    Attributes:
        what: Which of these.
        number: The trial, in the order of proposals.
        cell: What was proposed.
        epoch: Of a score.
        score: After that epoch.
        continues: What was decided.
        failed: Whether the trial ended by an error.
    """

    what: Literal["suggest", "report", "ended"]
    number: int
    cell: Cell | None = None
    epoch: int = 0
    score: float = 0.0
    continues: bool = False
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class RealRun:
    """A run of Ray Tune: what happened, in order, and the cell of its best result."""

    happened: list[Happened]
    best: Cell


@dataclass(kw_only=True)
class Agreement:
    """How many decisions are the same; the first that is not, in words."""

    suggestions: int = 0
    decisions: int = 0
    agreed: int = 0
    stops: int = 0
    failed: int = 0
    most_open: int = 0
    """Trials that were proposed and had not ended, at most: those that run, and those that are asked for ahead."""
    best: bool = False
    differences: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether everything is the same."""
        return self.best and not self.differences and self.agreed == self.suggestions + self.decisions

    def __str__(self) -> str:
        counts = (
            f"{self.agreed} of {self.suggestions + self.decisions} decisions agree: {self.suggestions} suggestions, "
            f"{self.decisions} after epochs ({self.stops} stops), {self.failed} trials failed, at most "
            f"{self.most_open} open at a time; best result {'the same' if self.best else 'another'}"
        )
        return "\n".join([counts, *self.differences[:3]])


def real_run(world_name: str, seed: int, trials: int, *, concurrent: int = CONCURRENT) -> RealRun:
    """Run Ray Tune with OptunaSearch and ASHAScheduler over the curves of a synthetic world."""
    resources = Resources(slots=concurrent)
    prepare_ray(resources)
    # Workers are nice by default, which a machine with other work to do starves.
    os.environ.setdefault("RAY_worker_niceness", "0")
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    world = family_world(world_name, seed)
    numbers: dict[str, int] = {}
    happened: list[Happened] = []

    class Searcher(OptunaSearch):
        def suggest(self, trial_id: str) -> dict[str, Any] | None:
            params = super().suggest(trial_id)
            number = numbers.setdefault(trial_id, len(numbers))
            happened.append(Happened(what="suggest", number=number, cell=cell_of(world.space, params or {})))
            return params

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            happened.append(Happened(what="ended", number=numbers[trial_id], failed=error))
            super().on_trial_complete(trial_id, result, error)

    class Scheduler(ASHAScheduler):
        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            action = str(super().on_trial_result(tune_controller, trial, result))
            happened.append(
                Happened(
                    what="report",
                    number=numbers[trial.trial_id],
                    epoch=result["training_iteration"],
                    score=result["score"],
                    continues=action == self.CONTINUE,
                )
            )
            return action

    def replay(config: dict[str, Any]) -> None:
        cell = cell_of(world.space, config)
        for epoch, score in enumerate(world.curve(cell, 0), start=1):
            time.sleep(_SECONDS)
            if epoch == 3 and zlib.crc32(repr(sorted(cell.items())).encode()) % _FAULTS == 0:
                raise RuntimeError("a fault on purpose")
            tune.report({"score": float(score)})

    with connected(resources), TemporaryDirectory(prefix="seatbelt-replay-") as scratch, _quiet():
        search = Searcher(space=distributions_of(world.space), metric="score", mode="max", seed=seed)
        scheduler = Scheduler(metric="score", mode="max", max_t=world.base.epochs)
        tuner = tune.Tuner(
            replay,
            tune_config=tune.TuneConfig(search_alg=search, scheduler=scheduler, num_samples=trials, reuse_actors=True),
            run_config=tune.RunConfig(storage_path=scratch, verbose=0),
        )
        best = tuner.fit().get_best_result(metric="score", mode="max")
    return RealRun(happened=happened, best=cell_of(world.space, best.config or {}))


def agreement(run: RealRun, world_name: str, seed: int) -> Agreement:
    """Drive the emulation with the events of a real run and compare every decision."""
    peer = PEERS["ray"](family_world(world_name, seed), seed)
    result = Agreement()
    numbers: dict[int, int] = {}
    ended = 0
    for event in run.happened:
        expected: object
        if event.what == "ended":
            peer.ended(numbers[event.number], event.failed)
            result.failed += event.failed
            ended += 1
            continue
        if event.what == "suggest":
            suggested = peer.suggest()
            assert suggested is not None
            numbers[event.number], emulated = suggested
            result.suggestions += 1
            result.most_open = max(result.most_open, result.suggestions - ended)
            same, expected = emulated == event.cell, event.cell
        else:
            continues = peer.report(numbers[event.number], event.epoch, event.score)
            result.decisions += 1
            result.stops += not event.continues
            same, emulated, expected = continues == event.continues, {"continues": str(continues)}, event.continues
        result.agreed += same
        if not same:
            result.differences.append(f"trial {event.number}, epoch {event.epoch}: {emulated} instead of {expected}")
    result.best = peer.recommend() == run.best
    return result


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


def main() -> None:
    """Compare, print, and fail where something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", default="arch:slow")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=40)
    options = parser.parse_args()
    run = real_run(options.world, options.seed, options.trials)
    result = agreement(run, options.world, options.seed)
    print(f"{options.world}, seed {options.seed}, {options.trials} trials\n{result}")
    if not result.complete:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
