"""The scales of the factorial model: standard deviations of effects, and how the rungs go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAIN, PAIR, BEYOND, LUCK = 0.012, 0.004, 0.004, 0.012
"""Expected standard deviations at the end (IoU): of the coefficients of main effects and of interactions, of what an
arm has beyond them, and of a trial's luck."""
EARLY = 0.03
"""Expected further luck of a score at the very beginning, IoU."""
RELATED = 0.5
"""Expected correlation of effects at different rungs."""
_STRENGTHS = {"main": 1.0, "pairs": 4.0, "beyond": 4.0, "relation": 1.0, "luck": 4.0}
"""How many coefficients (trials, for luck) an expectation is worth."""


@dataclass(frozen=True, kw_only=True)
class Scales:
    """What is learned from a sweep before its effects.

    Attributes:
        main: (F,) standard deviation of each factor's coefficients at the end, IoU.
        pairs: Standard deviation of the coefficients of interactions at the end, IoU.
        beyond: Standard deviation at the end of what an arm has beyond its main effects and pairs, IoU.
        relation: (K, K) how main effects at the rungs go together; 1 for the end with itself.
        relation_beyond: The same for interactions and for what an arm has beyond.
        luck: (K, K) covariance of a trial's luck at the rungs, IoU squared.
    """

    main: Floats
    pairs: float
    beyond: float
    relation: Floats
    relation_beyond: Floats
    luck: Floats


def expected_scales(factors: int, epochs: Sequence[int]) -> Scales:
    """Return what is expected before a sweep: small effects, and rungs that say something about the end.

    Args:
        factors: Number F of factors.
        epochs: K rising epochs; the last one is the end.
    """
    missing = 1 - np.asarray(epochs, dtype=np.float64) / epochs[-1]
    relation = RELATED + (1 - RELATED) * np.eye(len(missing))
    luck = LUCK**2 * (0.6 + 0.4 * np.eye(len(missing))) + np.diag((EARLY * missing) ** 2)
    return Scales(
        main=np.full(factors, MAIN),
        pairs=PAIR,
        beyond=BEYOND,
        relation=relation,
        relation_beyond=relation,
        luck=luck,
    )


def enlarged(scales: Scales, by: float) -> Scales:
    """Return the scales of scores that are so many times as large."""
    return replace(
        scales,
        main=scales.main * by,
        pairs=scales.pairs * by,
        beyond=scales.beyond * by,
        luck=scales.luck * by**2,
    )


class Packing:
    """Scales as a vector of free numbers, and their prior."""

    def __init__(self, expected: Scales) -> None:
        self.expected = expected
        self.factors, self.rungs = len(expected.main), len(expected.luck)
        self.lower = np.tril_indices(self.rungs)

    def pack(self, scales: Scales) -> Floats:
        """Return scales as a vector: logarithms of variances, then lower triangles of square roots."""
        deviations = np.array([*scales.main, scales.pairs, scales.beyond])
        roots = [
            np.linalg.cholesky(matrix)[self.lower]
            for matrix in (scales.relation, scales.relation_beyond, scales.luck / LUCK**2)
        ]
        return np.concatenate([2 * np.log(deviations), *roots])

    def unpack(self, vector: Floats) -> Scales:
        """Return the scales of a vector."""
        variances, roots = self._parts(vector)
        deviations = np.sqrt(variances)
        relation, beyond, luck = (root @ root.T for root in roots)
        return Scales(
            main=deviations[: self.factors],
            pairs=float(deviations[self.factors]),
            beyond=float(deviations[self.factors + 1]),
            relation=relation,
            relation_beyond=beyond,
            luck=LUCK**2 * luck,
        )

    def slope(self, vector: Floats, variances: Floats, relation: Floats, beyond: Floats, luck: Floats) -> Floats:
        """Return the slope over the vector, given the slopes over the variances and the matrices."""
        values, roots = self._parts(vector)
        matrices = (relation, beyond, LUCK**2 * luck)
        folded = [((m + m.T) @ root)[self.lower] for m, root in zip(matrices, roots, strict=True)]
        return np.concatenate([variances * values, *folded])

    def prior(self, vector: Floats) -> tuple[float, Floats]:
        """Return the logarithm of the prior density, and its slope over the vector.

        A variance v is inverse gamma, a matrix inverse Wishart, each by how much its expectation is worth.
        """
        scales, expected = self.unpack(vector), self.expected
        given = np.array([*scales.main, scales.pairs, scales.beyond]) ** 2
        wanted = np.array([*expected.main, expected.pairs, expected.beyond]) ** 2
        strength = np.array([_STRENGTHS["main"]] * self.factors + [_STRENGTHS["pairs"], _STRENGTHS["beyond"]])
        value = -0.5 * float(strength @ (np.log(given) + wanted / given))
        slopes: list[Floats] = []
        for matrix, centre, worth in (
            (scales.relation, expected.relation, _STRENGTHS["relation"]),
            (scales.relation_beyond, expected.relation_beyond, _STRENGTHS["relation"]),
            (scales.luck, expected.luck, _STRENGTHS["luck"]),
        ):
            inverse = np.linalg.inv(matrix)
            value -= 0.5 * worth * float(np.linalg.slogdet(matrix)[1] + np.trace(inverse @ centre))
            slopes.append(np.asarray(-0.5 * worth * (inverse - inverse @ centre @ inverse), dtype=np.float64))
        return value, self.slope(vector, -0.5 * strength * (1 / given - wanted / given**2), *slopes)

    def _parts(self, vector: Floats) -> tuple[Floats, list[Floats]]:
        count = self.factors + 2
        each = len(self.lower[0])
        roots = []
        for start in range(count, len(vector), each):
            root = np.zeros((self.rungs, self.rungs))
            root[self.lower] = vector[start : start + each]
            roots.append(root)
        return np.exp(vector[:count]), roots
