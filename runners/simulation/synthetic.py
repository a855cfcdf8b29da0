"""Families of synthetic worlds with known effects of every choice on quality and on the speed of learning.

Spaces: `arch` has 5 encoders x 6 decoders; `joint` adds mixtures, weights, labels, ten switches and two learning
rates. Families: good arms learn slowly (`slow`) or fast (`fast`), or speed is independent of quality (`indep`,
`noisy`, `flat`, `rugged`). Each seed draws a world. Effects follow a linear model with pairs, as the factorial
surrogate assumes; `rugged` adds triples of factors that no strategy here models.
"""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_spaces.axes import factor
from search_spaces.factors import Factor
from search_spaces.space import Cell, Space
from seatbelt.config.augmentation import TRANSFORMS
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError

Floats = NDArray[np.float64]

EPOCHS = 27
_START, _LEVEL = 0.22, 0.70
_RATES = ("encoder_learning_rate", "decoder_learning_rate")
_RATE_ENDS = (-5.0, -2.0)
"""Powers of ten."""
_ENCODER_COST = np.array([1.0, 1.3, 1.8, 2.7, 3.6])
_DECODER_COST = np.array([0.8, 1.2, 0.9, 0.9, 1.5, 0.8])
_MEDIAN_TIME = 4.5
"""Time constant of the median cell, epochs."""
_SHORTEST, _LONGEST = 1.2, 14.0


@dataclass(frozen=True, kw_only=True)
class Family:
    """The distribution of a family's worlds.

    Attributes:
        correlation: Correlation of effects on quality with effects on the time constant.
        speeds: Factor on the spread of the time constants.
        architectures: Factor on the effects of encoder and decoder.
        trial_noise: Standard deviation of a trial's final score, IoU.
        epoch_noise: Standard deviation of the score of an epoch, IoU.
        rugged: Pairs are strong, and triples of factors matter.
    """

    correlation: float = 0.0
    speeds: float = 0.6
    architectures: float = 1.0
    trial_noise: float = 0.008
    epoch_noise: float = 0.008
    rugged: bool = False


FAMILIES = {
    "slow": Family(correlation=0.85, speeds=1.0),
    "indep": Family(speeds=1.0),
    "fast": Family(correlation=-0.85, speeds=1.0),
    "noisy": Family(trial_noise=0.020, epoch_noise=0.012),
    "flat": Family(architectures=0.12),
    "rugged": Family(rugged=True),
}
SPACES = ("arch", "joint")


def family_world(name: str, seed: int) -> SyntheticWorld:
    """Return a world of `SPACE:FAMILY`, drawn with a seed.

    Raises:
        UserError: There is no such space or family.
    """
    space, _, family = name.partition(":")
    if space not in SPACES or family not in FAMILIES:
        raise UserError(
            f"there is no synthetic world {name!r}; write SPACE:FAMILY with {' or '.join(SPACES)} and one of "
            f"{', '.join(FAMILIES)}"
        )
    return SyntheticWorld(space, family, seed)


class SyntheticWorld:
    """A world whose quality is a sum over levels and combinations of levels (see `World`)."""

    most_replicates: int | None = None
    best_test = float("nan")

    def __init__(self, space: str, family: str, seed: int) -> None:
        self.name = f"{space}:{family}"
        self.family, self.seed = FAMILIES[family], seed
        self.space = Space(factors=_factors(space))
        self.base = TrialConfig().with_fields({"epochs": EPOCHS, "data.real": True, "data.generations": ("5",)})
        self._labels = [[level.label for level in f.levels] for f in self.space.factors]
        self._sizes = [len(labels) for labels in self._labels if labels]
        random = np.random.default_rng([zlib.crc32(self.name.encode()), seed])
        self._draw(random, joint=space == "joint")
        self.shape = ("exponential", "power", "delayed")[seed % 3]
        some = self._random_rows(random, 500)
        self._offset = np.log(_MEDIAN_TIME) - float(np.median(self._log_time(some)))
        cost = _ENCODER_COST[:, None] * _DECODER_COST[None, :]
        self._cost = cost / cost.mean()
        self.best = self._maximum()

    def curve(self, cell: Cell, replicate: int) -> Floats:
        row = self._row(cell)
        random = np.random.default_rng([self.seed, zlib.crc32(repr(sorted(cell.items())).encode()), replicate])
        end = float(self._quality(row[None])[0])
        log_time = float(self._log_time(row[None])[0]) + self._offset
        time = np.exp(np.clip(log_time, np.log(_SHORTEST), np.log(_LONGEST)) + random.normal(0, 0.10))
        missing = _missing(self.shape, time)
        trial_noise = random.normal(0, self.family.trial_noise) * (1 - 0.5 * missing)
        noise = random.normal(size=EPOCHS) * self.family.epoch_noise * (1 + 1.5 * missing)
        return np.asarray(end - (end - _START) * missing + trial_noise + noise)

    def cost(self, cell: Cell) -> float:
        row = self._row(cell)
        return float(self._cost[int(row[0]), int(row[1])])

    def quality(self, cell: Cell) -> float:
        return float(self._quality(self._row(cell)[None])[0])

    def test_quality(self, cell: Cell) -> float:
        return float("nan")

    def _draw(self, random: np.random.Generator, *, joint: bool) -> None:
        """Draw the effects on quality (IoU) and on the logarithm of the time constant."""
        family = self.family

        def effects(size: int, sd: float, speed: float, tendency: Floats | None = None) -> tuple[Floats, Floats]:
            slow = _standard(random.normal(size=size) if tendency is None else tendency)
            other = _standard(random.normal(size=size))
            mixed = family.correlation * slow + np.sqrt(1 - family.correlation**2) * other
            return sd * mixed, family.speeds * speed * slow

        depth = 0.9 * np.linspace(-1.41, 1.41, 5) + 0.45 * random.normal(size=5)
        self._main = [
            effects(5, 0.011 * family.architectures, 0.28, depth),
            effects(6, 0.012 * family.architectures, 0.20),
        ]
        pair = 0.016 if family.rugged and not joint else 0.006
        self._pairs = {(0, 1): random.normal(0, pair * family.architectures, (5, 6))}
        self._triples: list[tuple[tuple[int, int, int], Floats]] = []
        self._optimum = np.zeros(2)
        if joint:
            self._draw_joint(random, effects(6, 0.006, 0.10), effects(4, 0.006, 0.08))

    def _draw_joint(
        self, random: np.random.Generator, mixing: tuple[Floats, Floats], labels: tuple[Floats, Floats]
    ) -> None:
        family = self.family
        mixing = (mixing[0] + np.array([-0.04, -0.006, 0.0, 0.004, 0.008, 0.005]), mixing[1])
        weights = (np.array([0.0, -0.05]), np.array([0.0, 0.35]))
        self._main += [mixing, weights, labels]
        slow, other = random.normal(size=10), random.normal(size=10)
        usual = {1: 0.010, 0: 0.004, -1: -0.003}[int(np.sign(family.correlation))]
        correlated = family.correlation * slow + np.sqrt(1 - family.correlation**2) * other
        for gain, time in zip(usual + 0.012 * correlated, family.speeds * (0.09 + 0.06 * slow), strict=True):
            self._main.append((np.array([gain, 0.0]), np.array([time, 0.0])))
        strength = 0.006 if family.rugged else 0.004
        on = np.array([[1.0, 0.0], [0.0, 0.0]])
        switches = range(5, 15)
        for f, g in itertools.combinations(switches, 2):
            self._pairs[f, g] = random.normal(0, strength) * on
        for g in switches:
            self._pairs[0, g] = random.normal(0, 0.003, (5, 1)) * np.array([1.0, 0.0])
        # A trial without pretraining and synthetic images learns little.
        self._pairs[2, 3] = -0.06 * np.outer(np.eye(6)[0], [0.0, 1.0])
        if family.rugged:
            for _ in range(25):
                f, g, h = (int(x) for x in np.sort(random.choice(15, 3, replace=False)))
                sizes = [self._sizes[x] for x in (f, g, h)]
                self._triples.append(((f, g, h), random.normal(0, 0.004, sizes)))
        self._optimum = np.array([random.uniform(-4.2, -3.2), random.uniform(-4.0, -3.0)])

    def _quality(self, rows: Floats) -> Floats:
        levels = rows.astype(np.intp)
        quality = np.full(len(rows), _LEVEL)
        for f, (effect, _) in enumerate(self._main):
            quality += effect[levels[:, f]]
        for (f, g), crossed in self._pairs.items():
            quality += crossed[levels[:, f], levels[:, g]]
        for (f, g, h), cube in self._triples:
            quality += cube[levels[:, f], levels[:, g], levels[:, h]]
        for k in range(rows.shape[1] - len(self._main)):
            # A lopsided bowl; without pretraining the encoder needs a higher rate.
            away = rows[:, 15 + k] - self._optimum[k] - 0.4 * (k == 0) * (levels[:, 3] == 1)
            quality -= (0.03, 0.04)[k] * away**2 * (1 + 0.5 * np.tanh(2 * away))
        return quality

    def _log_time(self, rows: Floats) -> Floats:
        levels = rows.astype(np.intp)
        log_time = np.zeros(len(rows))
        for f, (_, effect) in enumerate(self._main):
            log_time += effect[levels[:, f]]
        for k in range(rows.shape[1] - len(self._main)):
            log_time -= 0.15 * (rows[:, 15 + k] - self._optimum[k])
        return log_time

    def _row(self, cell: Cell) -> Floats:
        """Return level numbers, and the power of ten of learning rates."""
        row = [
            float(labels.index(cell[f.name])) if labels else float(np.log10(float(cell[f.name])))
            for f, labels in zip(self.space.factors, self._labels, strict=True)
        ]
        return np.array(row)

    def _random_rows(self, random: np.random.Generator, count: int) -> Floats:
        columns = [
            random.integers(len(labels), size=count).astype(float) if labels else random.uniform(*_RATE_ENDS, count)
            for labels in self._labels
        ]
        return np.stack(columns, axis=1)

    def _maximum(self) -> float:
        """Return the highest quality of all cells, or of many coordinate ascents over factors and pairs of switches."""
        values = [
            np.arange(len(labels), dtype=float) if labels else np.linspace(*_RATE_ENDS, 61) for labels in self._labels
        ]
        if len(values) == 2:
            rows = np.array(list(itertools.product(*values)))
            return float(self._quality(rows).max())
        rows = self._random_rows(np.random.default_rng(0), 150)
        for _ in range(6):
            before = rows.copy()
            for f, maximum in enumerate(values):
                rows = self._improved(rows, [f], maximum[:, None])
            for f, g in itertools.combinations(range(5, 15), 2):
                rows = self._improved(rows, [f, g], np.array(list(itertools.product([0.0, 1.0], repeat=2))))
            if (rows == before).all():
                break
        return float(self._quality(rows).max())

    def _improved(self, rows: Floats, factors: list[int], values: Floats) -> Floats:
        """Return the rows with the best values (m, factors) of a few factors."""
        many = np.repeat(rows, len(values), axis=0)
        many[:, factors] = np.tile(values, (len(rows), 1))
        chosen = self._quality(many).reshape(len(rows), -1).argmax(axis=1)
        return np.asarray(many.reshape(len(rows), len(values), -1)[np.arange(len(rows)), chosen])


def _factors(space: str) -> tuple[Factor, ...]:
    factors = [factor("encoder"), factor("decoder")]
    if space == "joint":
        low, high = (f"{10**end:g}" for end in _RATE_ENDS)
        factors += [
            factor("synthetic_share", ["0", "0.5", "0.6", "0.7", "0.8", "0.9"]),
            factor("weights", ["imagenet", "none"]),
            factor("context", ["none", "shirt", "skin", "shirt+skin"]),
            *(factor(name) for name in TRANSFORMS),
            *(factor(name, [f"{low}..{high}"]) for name in _RATES),
        ]
    return tuple(factors)


def _missing(shape: str, time: float) -> Floats:
    """Return the missing share of the final score after each epoch: 1 before the first one, 0 at the last one."""
    epochs = np.arange(EPOCHS + 1)
    if shape == "exponential":
        missing = np.exp(-epochs / time)
    elif shape == "power":
        missing = (1 + epochs / (1.5 * time)) ** -2.0
    else:
        missing = (1 + epochs / (0.6 * time)) * np.exp(-epochs / (0.6 * time))
    return np.asarray(((missing - missing[-1]) / (1 - missing[-1]))[1:])


def _standard(values: Floats) -> Floats:
    centred = values - values.mean()
    return np.asarray(centred / centred.std())
