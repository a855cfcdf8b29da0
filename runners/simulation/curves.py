"""A world of curves that were recorded."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from runners.simulation.world import Floats
from search_spaces.factors import Factor
from search_spaces.space import Cell, Space
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.records.sweep import cell_text

Labels = tuple[str, ...]
"""Level of each factor."""


@dataclass(frozen=True, kw_only=True)
class RecordedArm:
    """What is recorded of an arm.

    Attributes:
        curves: (R, E) selection IoU of its replicates after each epoch.
        tests: (R,) test IoU of their best epochs; NaN where it was not measured.
        seconds: Mean seconds of an epoch, evaluation included.
    """

    curves: Floats
    tests: Floats
    seconds: float

    @property
    def ends(self) -> Floats:
        """(R,) scores of the replicates: the best epoch of each."""
        return np.asarray(self.curves.max(axis=1))


class RecordedWorld:
    """A world whose curves were trained (see `World`).

    Its truth is itself an estimate: the quality of an arm is the mean of its few recorded replicates, the same ones
    that a strategy is shown, and its best arm is in part the luckiest. Regrets below `error` mean nothing. Epochs of
    pretraining stages cost nothing.

    Attributes:
        name: Name of the sweep.
        space: The factors that took more than one level; cells that were not recorded are excluded.
        base: The sweep's configuration, with its epochs and the levels of factors that took one.
        most_replicates: Curves that every arm has.
        best: The highest quality.
        best_test: The highest test quality.
        left_out: Arms of the space that were tried and have too few whole curves.
        spread: Standard deviation of replicates, pooled over the arms, IoU.
        error: Standard error of a quality: `spread` over the root of `most_replicates`.
        paired_spread: As `spread`, without what all replicates of one number have in common.
    """

    most_replicates: int | None

    def __init__(  # noqa: PLR0913
        self,
        *,
        name: str,
        factors: Sequence[Factor],
        base: TrialConfig,
        epochs: int,
        arms: Mapping[Labels, RecordedArm],
        left_out: int,
        seed: int = 0,
        paired: bool = False,
    ) -> None:
        """Make a world of arms.

        Args:
            name: Its name.
            factors: Factors of the sweep, in the order of the labels of `arms`.
            base: Its configuration.
            epochs: Those of a whole training.
            arms: Labels of a cell -> its recorded arm.
            left_out: Number of tried arms that are not in `arms`.
            seed: See `recorded_world`.
            paired: See `recorded_world`.
        """
        self.name, self.left_out = name, left_out
        self._seed, self._paired = seed, paired
        taken = [{labels[f] for labels in arms} for f in range(len(factors))]
        varied = [f for f, some in enumerate(taken) if len(some) > 1]
        self._arms = {tuple(labels[f] for f in varied): arm for labels, arm in arms.items()}
        self.space = Space(
            factors=tuple(_narrowed(factors[f], taken[f]) for f in varied),
            exclusions=(
                NotRecorded(
                    reason="not recorded",
                    factors=tuple(factors[f].name for f in varied),
                    recorded=frozenset(self._arms),
                ),
            ),
        )
        fixed = [_narrowed(factors[f], some).levels[0].fields for f, some in enumerate(taken) if len(some) == 1]
        changes = {path: value for fields in fixed for path, value in fields.items()}
        self.base = base.with_fields(changes | {"epochs": epochs})
        replicates = min(len(arm.curves) for arm in arms.values())
        self.most_replicates = replicates
        self.best = max(float(arm.ends.mean()) for arm in arms.values())
        self.best_test = max(float(arm.tests.mean()) for arm in arms.values())
        self._seconds = float(np.mean([arm.seconds for arm in arms.values()]))
        self.spread = _pooled([arm.ends for arm in arms.values()])
        self.error = self.spread / float(np.sqrt(replicates))
        ends = np.array([arm.ends[:replicates] for arm in arms.values()])
        # Subtracting the mean of each replicate number costs `replicates - 1` degrees of freedom.
        degrees = len(arms) / (len(arms) - 1)
        self.paired_spread = _pooled(list(ends - ends.mean(axis=0))) * float(np.sqrt(degrees))

    def curve(self, cell: Cell, replicate: int) -> Floats:
        arm = self._arm(cell)
        assert self.most_replicates is not None
        if not 0 <= replicate < self.most_replicates:
            raise UserError(
                f"{self.name} has no replicate {replicate} of {cell_text(cell)}; every arm has {self.most_replicates}, "
                "counted from 0"
            )
        return np.asarray(arm.curves[self._order(cell, len(arm.curves))[replicate]])

    def cost(self, cell: Cell) -> float:
        return self._arm(cell).seconds / self._seconds

    def quality(self, cell: Cell) -> float:
        """Return the mean over all recorded replicates of the best epoch of each.

        Raises:
            UserError: The cell is not recorded.
        """
        return float(self._arm(cell).ends.mean())

    def test_quality(self, cell: Cell) -> float:
        """Return the mean test IoU over all recorded replicates; NaN if one was not measured.

        Raises:
            UserError: The cell is not recorded.
        """
        return float(self._arm(cell).tests.mean())

    def _arm(self, cell: Cell) -> RecordedArm:
        arm = self._arms.get(tuple(cell.get(factor.name, "") for factor in self.space.factors))
        if arm is None:
            raise UserError(f"{self.name} has not recorded {cell_text(cell)}; its space excludes this cell")
        return arm

    def _order(self, cell: Cell, count: int) -> list[int]:
        if not self._seed:
            return list(range(count))
        if self._paired:
            random, count = np.random.default_rng([self._seed, 0]), self.most_replicates or 0
        else:
            random = np.random.default_rng([self._seed, zlib.crc32(repr(sorted(cell.items())).encode())])
        order: list[int] = random.permutation(count).tolist()
        return order


@final
@dataclass(frozen=True, kw_only=True)
class NotRecorded:
    """Excludes every cell without a recording.

    Attributes:
        factors: Names of the factors.
        recorded: For each recorded cell, its labels of these factors.
    """

    reason: str
    factors: tuple[str, ...]
    recorded: frozenset[Labels]

    def excludes(self, cell: Cell) -> bool:
        """Return whether a cell is excluded."""
        return tuple(cell.get(name) for name in self.factors) not in self.recorded


def _pooled(groups: Sequence[Floats]) -> float:
    squares = sum(float(np.square(group - group.mean()).sum()) for group in groups)
    return float(np.sqrt(squares / sum(len(group) - 1 for group in groups)))


def _narrowed(factor: Factor, taken: set[str]) -> Factor:
    """Return a factor with its recorded levels only."""
    return Factor(name=factor.name, levels=tuple(level for level in factor.levels if level.label in taken))
