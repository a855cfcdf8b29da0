"""Writing what analysis makes of sweeps to where it is wanted: figures."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runners.sweep_folder import SweepFolder
from seatbelt.errors import UserError
from seatbelt.storage import LocalStorage, is_remote

if TYPE_CHECKING:
    from analysis.figures.chart import Figure
    from analysis.figures.files import FileFormat
    from analysis.tables import Sweep


def draw_figures(
    locations: list[str], *, only: tuple[str, ...], form: FileFormat, out: Path | None, factors: tuple[str, ...]
) -> Iterator[str]:
    """Write the figures of sweeps, and tell of each file.

    Args:
        locations: Sweeps, or patterns.
        only: Names of figures; none for all that a sweep allows.
        form: Of the files.
        out: Folder; None is `report/figures` of each sweep.
        factors: The two of the heat map; none for the default.

    Raises:
        UserError: No such figure, or a sweep does not allow one that was asked for.
    """
    from analysis.figures import FIGURES
    from analysis.figures.files import figure_file
    from analysis.several import open_sweeps

    unknown = [name for name in only if name not in FIGURES]
    if unknown:
        raise UserError(f"--only {unknown[0]} is no figure; these are: {', '.join(FIGURES)}")
    if factors and len(factors) != 2:
        raise UserError(f"--factors takes two factors, ROWS,COLUMNS, but got {len(factors)}")
    parts = open_sweeps(locations).parts
    for name, sweep in parts:
        own = out / (name or sweep.name) if out is not None and len(parts) > 1 else out
        place = LocalStorage(own or report_folder(sweep) / "figures")
        SweepFolder(sweep.root).note_test_read("figures")
        for figure in _figures(sweep, only, factors):
            place.write(f"{figure.name}.{form}", figure_file(figure, form))
            yield f"{place.root / figure.name}.{form}"


def report_folder(sweep: Sweep) -> Path:
    """Return the folder `report` of a sweep.

    Raises:
        UserError: It lies in a bucket, or its parts lie elsewhere.
    """
    if is_remote(sweep.root):
        raise UserError(f"{sweep.root} lies in a bucket; say where the files are to go: --out")
    folder = SweepFolder(sweep.root)
    folder.check_links()
    return folder.root / "report"


def _figures(sweep: Sweep, only: tuple[str, ...], factors: tuple[str, ...]) -> Iterator[Figure]:
    from analysis.figures import FIGURES, figure
    from analysis.figures.chart import NotApplicable
    from analysis.figures.heat_map import heat_map
    from analysis.figures.material import Material

    material = Material(sweep)
    chosen = only or (("heat_map",) if factors else tuple(FIGURES))
    made = False
    for name in chosen:
        compute = partial(heat_map, factors=(factors[0], factors[1])) if factors and name == "heat_map" else None
        try:
            yield figure(name, material, compute)
            made = True
        except NotApplicable as error:
            if only or factors:
                raise UserError(f"the figure {name} {error} ({sweep.root})") from None
    if not made:
        raise UserError(
            f"{sweep.root} holds nothing to draw yet; `seatbelt status {shlex.quote(sweep.root)}` shows how far it is"
        )
