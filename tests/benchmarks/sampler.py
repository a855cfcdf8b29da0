"""Optuna's samplers beside ours on noisy functions: `python -m tests.benchmarks.sampler [function or sampler ...]`.

What is printed is how far the true value of the best trial's parameters lies below the maximum after 60 trials: mean
and standard error over 20 functions of each kind, the same ones for every sampler. The best trial is Optuna's own, the
one with the highest noisy value.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from runners.optuna_sampler.sampler import FactorialSampler

TRIALS, SEEDS = 60, 20

Params = Mapping[str, Any]
SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "factorial": lambda seed: FactorialSampler(seed=seed),
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
}


class Additive:
    """Main effects of six choices and four numbers, with weaker interactions of pairs: what the model assumes."""

    noise = 0.5

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng([seed, 1])
        sizes = (2, 2, 3, 3, 4, 5)
        self.distributions: dict[str, BaseDistribution] = {
            f"c{i}": CategoricalDistribution(list(range(size))) for i, size in enumerate(sizes)
        }
        self.distributions |= {
            "rate": FloatDistribution(1e-5, 1e-1, log=True),
            "share": FloatDistribution(0.0, 1.0),
            "width": IntDistribution(8, 256, log=True),
            "depth": IntDistribution(1, 12),
        }
        self._main = {name: self._random.normal(size=5) for name in self.distributions}
        self._best = {name: self._random.uniform(0.2, 0.8) for name in ("rate", "share", "width", "depth")}
        self._pairs = {
            pair: self._random.normal(0, 0.35, (5, 5)) for pair in itertools.combinations(sorted(self.distributions), 2)
        }
        self.maximum = self._maximum()

    def __call__(self, params: Params) -> float:
        places = {name: self._place(name, params[name]) for name in self.distributions}
        value = sum(self._effect(name, place) for name, place in places.items())
        for (a, b), table in self._pairs.items():
            value += float(self._at(a, places[a]) @ table @ self._at(b, places[b]))
        return value

    def _place(self, name: str, value: float) -> float:
        distribution = self.distributions[name]
        if isinstance(distribution, CategoricalDistribution):
            return float(value)
        low, high = float(distribution.low), float(distribution.high)  # type: ignore[attr-defined]
        if distribution.log:  # type: ignore[attr-defined]
            return float(np.log(value / low) / np.log(high / low))
        return (value - low) / (high - low)

    def _effect(self, name: str, place: float) -> float:
        if name in self._best:
            return -6.0 * (place - self._best[name]) ** 2
        return float(self._main[name][int(place)])

    def _at(self, name: str, place: float) -> Any:
        if name in self._best:
            return np.array([place, 1 - place, 0, 0, 0])
        return np.eye(5)[int(place)]

    def _maximum(self) -> float:
        """Return the highest value that climbs over single parameters find from many starts."""
        values: dict[str, list[Any]] = {
            name: list(distribution.choices)
            if isinstance(distribution, CategoricalDistribution)
            else _grid(distribution)
            for name, distribution in self.distributions.items()
        }
        best = -np.inf
        for _ in range(12):
            params = {name: choices[self._random.integers(len(choices))] for name, choices in values.items()}
            before = -np.inf
            while self(params) > before:
                before = self(params)
                for name, choices in values.items():
                    scores = [self(params | {name: value}) for value in choices]
                    params[name] = choices[int(np.argmax(scores))]
            best = max(best, before)
        return best


class Bits:
    """Twenty-four switches in eight blocks of three."""

    noise = 0.1
    maximum = 8.0

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng([seed, 2])
        self._order, self._flipped = random.permutation(24), random.integers(2, size=24)
        self.distributions: dict[str, BaseDistribution] = {f"b{i}": CategoricalDistribution([0, 1]) for i in range(24)}

    def _blocks(self, params: Params) -> list[int]:
        bits = np.array([params[f"b{i}"] for i in range(24)]) ^ self._flipped
        return [int(x) for x in bits[self._order].reshape(8, 3).sum(axis=1)]


class Parity(Bits):
    """A block counts if the number of its switches that are on is odd: no main effect, no pair."""

    def __call__(self, params: Params) -> float:
        return float(sum(count % 2 for count in self._blocks(params)))


class Trap(Bits):
    """A block is best with all three on, else the better the fewer are on: main effects point away from the best."""

    def __call__(self, params: Params) -> float:
        return float(sum(1.0 if count == 3 else 0.3 * (2 - count) for count in self._blocks(params)))


class Valley:
    """A narrow bent valley in four numbers (Rosenbrock), by its logarithm: no sum of low polynomials."""

    noise = 0.1
    maximum = 0.0

    def __init__(self, seed: int) -> None:
        self._shift = np.random.default_rng([seed, 3]).uniform(-0.3, 0.3, 4)
        self.distributions: dict[str, BaseDistribution] = {f"x{i}": FloatDistribution(-2.0, 2.0) for i in range(4)}

    def __call__(self, params: Params) -> float:
        x = np.array([params[f"x{i}"] for i in range(4)]) + self._shift
        return -float(np.log1p((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()))


FUNCTIONS = {"additive": Additive, "parity": Parity, "trap": Trap, "valley": Valley}


def main() -> None:
    """Print a line for each function and sampler that are named; without names, for all but the slow `gp`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *FUNCTIONS, *SAMPLERS], default=[])
    names = parser.parse_args().names
    kinds = [name for name in FUNCTIONS if name in names] or list(FUNCTIONS)
    samplers = [name for name in SAMPLERS if name in names] or [name for name in SAMPLERS if name != "gp"]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(f"load {os.getloadavg()[0]:.1f}; {TRIALS} trials, {SEEDS} functions each, below the maximum: mean ± error")
    for kind in kinds:
        functions = [FUNCTIONS[kind](seed) for seed in range(SEEDS)]
        for name in samplers:
            started = time.perf_counter()
            missing = [
                function.maximum - best_after(function, SAMPLERS[name](seed), seed)  # type: ignore[attr-defined]
                for seed, function in enumerate(functions)
            ]
            error = statistics.stdev(missing) / SEEDS**0.5
            each = 1000 * (time.perf_counter() - started) / (SEEDS * TRIALS)
            print(
                f"{kind:<9} {name:<10} {statistics.mean(missing):.3f} ± {error:.3f}; {each:.0f} ms a trial", flush=True
            )


def best_after(function: Any, sampler: optuna.samplers.BaseSampler, seed: int, trials: int = TRIALS) -> float:
    """Return the true value of the best trial's parameters."""
    study = optuna.create_study(direction="maximize", sampler=sampler)
    random = np.random.default_rng([seed, 4])
    for _ in range(trials):
        trial = study.ask(function.distributions)
        study.tell(trial, function(trial.params) + function.noise * random.normal())
    return float(function(study.best_params))


def _grid(distribution: BaseDistribution) -> list[Any]:
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    space = np.geomspace if distribution.log else np.linspace
    values = space(distribution.low, distribution.high, 41)
    return list((values.round().astype(int) if isinstance(distribution, IntDistribution) else values).tolist())


if __name__ == "__main__":
    main()
