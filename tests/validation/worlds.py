"""Simulated sweeps with known effects: the product's own decisions, and scores whose truth is written down.

A score rises from a start towards what the trial ends with, the faster the smaller its time constant; both are sums
over the levels of its factors (and pairs of them, for the end). In the worlds of slow starters, levels that end well
are slow.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reading.design import Design
from runners.core.halving import default_rungs
from runners.core.plan import Limits, Plan
from search_spaces.axes import factor
from search_spaces.factors import Factor
from search_spaces.space import Cell, Propose, Prune, Space
from seatbelt.config.augmentation import TRANSFORMS
from seatbelt.config.trial import TrialConfig
from seatbelt.records.identity import trial_key
from tests.runners.simulated import Cluster

Floats = NDArray[np.float64]

EPOCHS = 9
START, END = 0.2, 0.6
MAIN_SD, PAIR_SD, BEYOND_SD, LUCK_SD, EPOCH_SD = 0.015, 0.004, 0.003, 0.01, 0.004
TIME = 3.0
"""Time constant of the average arm, epochs."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A kind of sweep, and how learning speed goes with quality."""

    factors: tuple[str, ...]
    design: str = "full"
    propose: Propose = "exhaustive"
    prune: Prune = "none"
    limits: Limits = field(default_factory=Limits)
    slowness: float = 0.0
    """Correlation of the effects on the end with those on the time constant."""
    luck: float = LUCK_SD


WORLDS = {
    "grid": World(factors=("encoder", "decoder"), limits=Limits(replicates=2)),
    "fractional": World(factors=TRANSFORMS, design="fractional-32", limits=Limits(replicates=2)),
    "slow": World(
        factors=("encoder", "decoder", *TRANSFORMS[:4]),
        propose="random",
        prune="asha",
        limits=Limits(trials=120),
        slowness=0.85,
    ),
    "fast": World(
        factors=("encoder", "decoder", *TRANSFORMS[:4]),
        propose="random",
        prune="asha",
        limits=Limits(trials=120),
        slowness=-0.85,
    ),
    "many": World(
        factors=("encoder", "decoder", *TRANSFORMS[:4]),
        propose="random",
        prune="asha",
        limits=Limits(trials=600),
        slowness=0.85,
    ),
    "pruned grid": World(
        factors=("encoder", "decoder"), prune="asha", limits=Limits(replicates=4), slowness=0.85, luck=0.02
    ),
}


@dataclass(frozen=True, kw_only=True)
class Truth:
    """True effects on the final score: deviations from the mean over the whole space."""

    main: dict[str, dict[str, float]]
    pairs: dict[tuple[str, str], Floats]
    """Interaction of each pair of factors: (levels of the first, levels of the second)."""


@functools.lru_cache
def space_of(world: str) -> Space:
    """Return the space of a world."""
    return Space(factors=tuple(factor(name) for name in WORLDS[world].factors))


def simulate(world: str, seed: int) -> tuple[Design, Truth]:
    """Run one simulated sweep.

    Args:
        world: A key of WORLDS.
        seed: Of the effects, the trials' luck, the order of events, and the proposals.
    """
    kind, space = WORLDS[world], space_of(world)
    rng = np.random.default_rng([seed, sorted(WORLDS).index(world)])
    curves = _Curves(space.factors, kind, rng, seed)
    pruned = kind.prune == "asha"
    plan = Plan(
        space=space,
        base=TrialConfig().with_fields({"epochs": EPOCHS, "seed": seed}),
        propose=kind.propose,
        prune=kind.prune,
        rungs=default_rungs(EPOCHS, 3) if pruned else (EPOCHS,),
        design_name=kind.design,
        limits=kind.limits,
    )
    cluster = _Cluster(plan, seed, curves)
    cluster.run()
    return _observed(cluster, space.factors, plan), curves.truth


class _Curves:
    """Scores of all trials of one simulated sweep."""

    def __init__(self, factors: tuple[Factor, ...], kind: World, rng: np.random.Generator, seed: int) -> None:
        self.luck, self.seed = kind.luck, seed
        self.labels = {f.name: [level.label for level in f.levels] for f in factors}
        self.main = {name: _centred(rng.normal(0, MAIN_SD, len(labels))) for name, labels in self.labels.items()}
        other = np.sqrt(1 - kind.slowness**2)
        self.time = {
            name: 20 * (kind.slowness * effects + other * _centred(rng.normal(0, MAIN_SD, len(effects))))
            for name, effects in self.main.items()
        }
        self.pairs = {
            (f, g): _centred(_centred(rng.normal(0, PAIR_SD, (len(self.labels[f]), len(self.labels[g])))).T).T
            for f, g in itertools.combinations(self.labels, 2)
        }
        names = {
            name: dict(zip(self.labels[name], effects.tolist(), strict=True)) for name, effects in self.main.items()
        }
        self.truth = Truth(main=names, pairs=self.pairs)

    def of(self, cell: Cell, arm: str, key: str) -> Floats:
        """Return the score at each epoch."""
        at = {name: self.labels[name].index(label) for name, label in cell.items()}
        end = END + sum(float(effects[at[name]]) for name, effects in self.main.items())
        end += sum(float(effects[at[f], at[g]]) for (f, g), effects in self.pairs.items())
        end += BEYOND_SD * _random(self.seed, arm).normal()
        random = _random(self.seed, key)
        end += self.luck * random.normal()
        time = TIME * np.exp(sum(float(effects[at[name]]) for name, effects in self.time.items()))
        epochs = np.arange(1, EPOCHS + 1)
        share = (1 - np.exp(-epochs / time)) / (1 - np.exp(-EPOCHS / time))
        scores: Floats = START + (end - START) * share
        scores[:-1] += random.normal(0, EPOCH_SD, EPOCHS - 1)
        return scores


class _Cluster(Cluster):
    def __init__(self, plan: Plan, seed: int, curves: _Curves) -> None:
        super().__init__(plan, seed)
        self.curves = curves
        self.trial_scores: dict[str, Floats] = {}

    def score(self, config: TrialConfig, epoch: int) -> float:  # type: ignore[override]
        key = trial_key(config)
        if key not in self.trial_scores:
            planned = self.history.trials[key].plan
            self.trial_scores[key] = self.curves.of(planned.cell, planned.arm_key, key)
        return float(self.trial_scores[key][epoch - 1])


def _observed(cluster: _Cluster, factors: tuple[Factor, ...], plan: Plan) -> Design:
    views = cluster.history.by_number
    epochs = plan.rungs
    scores = np.array(
        [[max(v.scores[:e]) if v.epochs_done >= e else np.nan for e in epochs] for v in views], dtype=np.float64
    )
    frame = pd.DataFrame(
        {
            "trial_key": [v.key for v in views],
            "arm_key": [v.plan.arm_key for v in views],
            "replicate": [v.plan.replicate for v in views],
            "status": [v.status.value for v in views],
            "exempt": [v.exempt for v in views],
            **{f.name: [v.plan.cell[f.name] for v in views] for f in factors},
        }
    )
    described = tuple(f.record() for f in factors)
    return Design(
        trials=frame, factors=described, epochs=epochs, scores=scores, test=np.full(len(scores), np.nan), baseline={}
    )


def _centred(values: Floats) -> Floats:
    centred: Floats = values - values.mean(axis=0)
    return centred


def _random(seed: int, key: str) -> np.random.Generator:
    return np.random.default_rng([seed, int(key[:12], 16)])
