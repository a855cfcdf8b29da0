"""Small designs with the same regressions as large ones, which the jackknife fits hundreds of times.

Least squares depend on the rows only through the triangle of their QR decomposition
(Golub and Van Loan, Matrix Computations, section 5.3). The triangle without one group follows from the triangles of the
groups before and after it, so that no fit needs all rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from analysis.reading.arrays import Floats


def without_each(design: Floats, scores: Floats, group: NDArray[np.intp]) -> Iterator[tuple[Floats, Floats]]:
    """Yield for each group a small design and scores with the same regressions as all rows outside the group.

    Every regression of a score on the design and the earlier scores is the same for both, and so are the aliased
    columns.

    Args:
        design: (n, p) columns.
        scores: (n, K), monotone: NaN from the first score that a row lacks.
        group: (n,) the group of each row, from 0.
    """
    width = design.shape[1]
    score_counts = (~np.isnan(scores)).sum(axis=1)
    rows = np.concatenate([design, scores], axis=1)
    groups = int(group.max()) + 1
    # Rows with the same number of scores take part in the same regressions.
    rests = [
        _rests(rows[:, : width + m], group, score_counts == m, groups) for m in sorted(set(score_counts.tolist()) - {0})
    ]
    for groups_of_rests in zip(*rests, strict=True):
        whole = np.concatenate([_padded(part, rows.shape[1]) for part in groups_of_rests])
        yield whole[:, :width], whole[:, width:]


def _rests(rows: Floats, group: NDArray[np.intp], chosen: NDArray[np.bool_], groups: int) -> Iterator[Floats]:
    """Yield for each group the reduced rows of all other groups."""
    parts = [_reduced(rows[chosen & (group == g)]) for g in range(groups)]
    behind = [rows[:0]]
    for part in reversed(parts[1:]):
        behind.append(_reduced(np.concatenate([part, behind[-1]])))
    before = rows[:0]
    for part, after in zip(parts, reversed(behind), strict=True):
        yield np.concatenate([before, after])
        before = _reduced(np.concatenate([before, part]))


def _reduced(rows: Floats) -> Floats:
    if rows.shape[0] <= rows.shape[1]:
        return rows
    return np.asarray(np.linalg.qr(rows, mode="r"))


def _padded(rows: Floats, width: int) -> Floats:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=np.nan)
