"""Runs one simulated sweep: the regret of the recommendation against the cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, cast, get_args

import numpy as np

from runners.core.halving import default_rungs
from runners.core.plan import Limits, Plan
from runners.core.strategies import strategy_of
from runners.simulation.peers.cluster import PeerCluster
from runners.simulation.peers.tools import PEERS
from runners.simulation.recorded import recorded_world
from runners.simulation.synthetic import SPACES, family_world
from runners.simulation.virtual_cluster import VirtualCluster
from runners.simulation.workers import VirtualWorkers
from runners.simulation.world import World
from search_spaces.space import Cell, Propose, Prune
from seatbelt.errors import UserError

CHECKS = 50
"""Number of recommendations, evenly spread over the budget."""
BUDGET = 1500.0
"""Budget of a sweep in a synthetic world, epochs of the average arm."""

_PROPOSE: tuple[Propose, ...] = get_args(Propose)
_PRUNE: tuple[Prune, ...] = get_args(Prune)
_GUESSES = 400
_MANY = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The setting of a simulated sweep; equal settings give equal results.

    Attributes:
        world: `SPACE:FAMILY`, or the location of a recorded sweep.
        strategy: `PROPOSE/PRUNE` of the product, or a name of `runners.simulation.peers.tools.PEERS`.
        seed: Seed of the world, the curves and the strategy.
        budget: Epochs of the average arm; None for the usual budget.
        workers: Trials at a time.
        failures: Probability that a worker is lost during an epoch.
        stragglers: Probability that a leg takes three times as long.
    """

    world: str
    strategy: str
    seed: int
    budget: float | None = None
    workers: int = 8
    failures: float = 0.0
    stragglers: float = 0.0


def check_strategy(name: str) -> None:
    """Refuse a strategy that does not exist.

    Raises:
        UserError: There is none of this name.
    """
    propose, _, prune = name.partition("/")
    if name not in PEERS and (propose not in _PROPOSE or prune not in _PRUNE):
        raise UserError(
            f"there is no strategy {name!r}; write PROPOSE/PRUNE with {', '.join(_PROPOSE)} and {' or '.join(_PRUNE)}, "
            f"or one of other tools: {', '.join(PEERS)}"
        )


def world_of(name: str, seed: int) -> World:
    """Return a world by name: of a synthetic family, or a recorded sweep.

    Raises:
        UserError: There is none.
    """
    if name.partition(":")[0] in SPACES:
        return family_world(name, seed)
    return recorded_world(name, seed=seed, paired=True)


def simulate(setting: Setting) -> list[dict[str, Any]]:
    """Run one simulated sweep and return a row for each check.

    Raises:
        UserError: The world or the strategy does not exist.
    """
    world = world_of(setting.world, setting.seed)
    begin = _peer if setting.strategy in PEERS else _product
    cluster, recommend = begin(setting, world)
    budget = setting.budget or usual_budget(world)
    checks = budget * np.arange(1, CHECKS + 1) / CHECKS
    guess = expected_guess(world)
    rows: list[dict[str, Any]] = []

    def check(spent: float, until: float) -> None:
        while len(rows) < CHECKS and until >= checks[len(rows)]:
            cell = recommend()
            quality = guess if cell is None else world.quality(cell)
            rows.append(
                {
                    **asdict(setting),
                    "budget": budget,
                    "cost": float(checks[len(rows)]),
                    "spent": min(spent, budget),
                    "hours": cluster.now,
                    "epochs": cluster.epochs,
                    "trials": cluster.trials,
                    "regret": world.best - quality,
                    "test_regret": math.nan if cell is None else world.best_test - world.test_quality(cell),
                    "cell": None if cell is None else ",".join(f"{k}={v}" for k, v in cell.items()),
                }
            )

    cluster.run(budget, lambda: check(cluster.spent, cluster.spent))
    # A sweep that ends before its budget keeps its last recommendation.
    check(cluster.spent, math.inf)
    return rows


def usual_budget(world: World) -> float:
    """Return the usual budget; for a recorded sweep, the cost of all its curves."""
    if world.most_replicates is None:
        return BUDGET
    return sum(world.cost(cell) for cell in world.space.cells()) * world.most_replicates * world.base.epochs


def expected_guess(world: World) -> float:
    """Return the mean quality of random cells, the expected quality of a recommendation without data."""
    space, random = world.space, np.random.default_rng(0)
    if not space.continuous and space.size <= _GUESSES:
        return float(np.mean([world.quality(cell) for cell in space.cells()]))
    cells = ({f.name: f.label_at(float(random.random())) for f in space.factors} for _ in range(_MANY))
    qualities: list[float] = []
    for cell in cells:
        if space.excluded(cell) is None:
            qualities.append(world.quality(cell))
        if len(qualities) == _GUESSES:
            break
    return float(np.mean(qualities))


def _product(setting: Setting, world: World) -> tuple[VirtualWorkers[Any], Callable[[], Cell | None]]:
    plan = plan_of(setting.strategy, world, setting.seed)
    cluster = VirtualCluster(
        plan,
        world,
        workers=setting.workers,
        seed=setting.seed,
        failures=setting.failures,
        stragglers=setting.stragglers,
    )

    def recommend() -> Cell | None:
        recommendation = strategy_of(plan).recommend(plan, cluster.history)
        return recommendation.cell if recommendation is not None else None

    return cluster, recommend


def _peer(setting: Setting, world: World) -> tuple[VirtualWorkers[Any], Callable[[], Cell | None]]:
    peer = PEERS[setting.strategy](world, setting.seed)
    cluster = PeerCluster(
        peer,
        world,
        workers=setting.workers,
        seed=setting.seed,
        failures=setting.failures,
        stragglers=setting.stragglers,
    )
    return cluster, cluster.recommend


def plan_of(strategy: str, world: World, seed: int) -> Plan:
    """Return the plan of a strategy `PROPOSE/PRUNE` in a world."""
    check_strategy(strategy)
    propose, _, prune = strategy.partition("/")
    epochs = world.base.epochs
    plan = Plan(
        space=world.space,
        base=world.base.with_fields({"seed": seed}),
        propose=cast(Propose, propose),
        prune=cast(Prune, prune),
        limits=Limits(replicates=world.most_replicates or _MANY, most_replicates=world.most_replicates),
    )
    return replace(plan, rungs=default_rungs(epochs, plan.eta) if prune == "asha" else (epochs,))
