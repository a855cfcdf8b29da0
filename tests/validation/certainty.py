"""How often a recommendation is as good as `--until` says: stated against true probability, in simulated sweeps.

`python -m tests.validation.certainty --sweeps 20` prints a table for each space: all judgements by the probability that
they stated, and the recommendations of the sweeps that ended because they were sure. The comparison of strategies uses
other seeds.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

from runners.core.events import CertaintyJudged
from runners.simulation.regret import BUDGET, plan_of
from runners.simulation.synthetic import FAMILIES, SPACES, family_world
from runners.simulation.virtual_cluster import VirtualCluster

FIRST_SEED = 1000
_NEVER = 1.5
"""A threshold that no probability reaches."""
EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One judgement of a simulated sweep.

    Attributes:
        world: Its world.
        seed: Its seed.
        stated: The probability that it stated.
        true: Whether the recommended arm was close enough to the best.
        cost: Epochs of the average arm that had been spent.
    """

    world: str
    seed: int
    stated: float
    true: bool
    cost: float


SETTINGS = {"arch": ("factorial/none", 0.005), "joint": ("factorial/asha", 0.01)}
"""Space -> strategy, and the largest distance to the best arm that counts as good (IoU)."""
SURE = 0.9


def main() -> None:
    """Simulate, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=20, help="of each family in each space")
    parser.add_argument("--spaces", nargs="+", choices=SPACES, default=SPACES)
    options = parser.parse_args()
    for space in options.spaces:
        strategy, within = SETTINGS[space]
        tasks = [
            (f"{space}:{family}", strategy, FIRST_SEED + seed, within)
            for family in FAMILIES
            for seed in range(options.sweeps)
        ]
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            judgements = [judgement for one in pool.map(_judged, tasks) for judgement in one]
        print(f"{space}, {strategy}, within {within:g}: {len(tasks)} sweeps, {len(judgements)} judgements")
        for line in [*table_lines(judgements), *ended_lines(judgements, len(tasks))]:
            print(line)


def table_lines(judgements: list[Judgement]) -> list[str]:
    """Return one line for each span of stated probabilities: mean of the stated ones, and share that was true."""
    stated = np.array([judgement.stated for judgement in judgements])
    true = np.array([judgement.true for judgement in judgements])
    place = np.minimum(np.searchsorted(EDGES, stated, side="right"), len(EDGES) - 1)
    return [
        f"stated {EDGES[i - 1]:.2f} to {EDGES[i]:.2f}: n {inside.sum():5d}, mean stated {stated[inside].mean():.2f}, "
        f"true {true[inside].mean():.2f}"
        for i in range(1, len(EDGES))
        if (inside := place == i).any()
    ]


def ended_lines(judgements: list[Judgement], sweeps: int) -> list[str]:
    """Return how the sweeps would have ended by the first judgement that was sure."""
    first: dict[tuple[str, int], Judgement] = {}
    for judgement in judgements:
        if judgement.stated >= SURE:
            first.setdefault((judgement.world, judgement.seed), judgement)
    if not first:
        return [f"none of {sweeps} sweeps was ever {SURE:.0%} sure"]
    true = np.array([judgement.true for judgement in first.values()])
    cost = np.mean([judgement.cost for judgement in first.values()])
    error = np.sqrt(true.mean() * (1 - true.mean()) / len(true))
    return [
        f"ended at {SURE:.0%}: {len(first)} of {sweeps} sweeps, after {cost:.0f} epochs on average; "
        f"right {true.mean():.2f} +- {error:.2f}"
    ]


def judged(name: str, strategy: str, seed: int, within: float) -> list[Judgement]:
    """Return all judgements of one simulated sweep, which goes on to its budget however sure it is."""
    world = family_world(name, seed)
    plan = plan_of(strategy, world, seed)
    plan = replace(plan, limits=replace(plan.limits, until=within, sure=_NEVER))
    cluster = VirtualCluster(plan, world, workers=8, seed=seed)
    judgements: list[Judgement] = []
    handled = 0

    def watch() -> None:
        nonlocal handled
        for event in cluster.events[handled:]:
            if isinstance(event, CertaintyJudged):
                true = world.best - world.quality(event.cell) <= within
                judgements.append(
                    Judgement(world=name, seed=seed, stated=event.probability, true=true, cost=cluster.spent)
                )
        handled = len(cluster.events)

    cluster.run(BUDGET, watch)
    return judgements


def _judged(task: tuple[str, str, int, float]) -> list[Judgement]:
    return judged(*task)


if __name__ == "__main__":
    main()
