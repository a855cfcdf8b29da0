"""Writes figures and reports of sweeps."""

from __future__ import annotations

import datetime
import os
import shlex
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter

from analysis.figures import FIGURES, figure
from analysis.figures.chart import NotApplicableError
from analysis.figures.files import figure_file
from analysis.figures.heat_map import heat_map
from analysis.figures.sweep_data import SweepData
from analysis.report import build_report
from analysis.report.sections.progress import Session
from analysis.report.writers.html import html_report
from analysis.report.writers.markdown import markdown_report
from analysis.sweeps import open_sweeps
from runners.core.plan import Limits
from runners.models.gallery import Galleries
from runners.session.sweep_progress import total_epochs
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded, read_sessions
from runners.sweep_files.ledger import holder
from seatbelt.errors import UserError
from seatbelt.storage.base import LocalStorage, is_remote

if TYPE_CHECKING:
    from analysis.figures.chart import Figure
    from analysis.figures.files import FileFormat
    from analysis.reading.tables import Source, SweepTables

ReportFormat = Literal["html", "md", "pdf"]


def draw_figures(
    locations: list[str], *, only: tuple[str, ...], form: FileFormat, out: Path | None, factors: tuple[str, ...]
) -> Iterator[str]:
    """Write the figures of sweeps, and yield the name of each file.

    Args:
        locations: Sweeps, or patterns.
        only: Names of figures; none for all that a sweep allows.
        form: Format of the files.
        out: Folder; None is `report/figures` of each sweep.
        factors: The two factors of the heat map; none for the default.

    Raises:
        UserError: There is no such figure, or a sweep does not allow it.
    """
    unknown = [name for name in only if name not in FIGURES]
    if unknown:
        raise UserError(f"--only {unknown[0]} is no figure; these are: {', '.join(FIGURES)}")
    if factors and len(factors) != 2:
        raise UserError(f"--factors takes two factors, ROWS,COLUMNS, but got {len(factors)}")
    parts = open_sweeps(locations).parts
    for name, sweep in parts:
        folder = out / (name or sweep.name) if out is not None and len(parts) > 1 else out
        place = LocalStorage(folder or report_folder(sweep) / "figures")
        SweepFolder(sweep.root).note_test_read("figures")
        for drawn in _figures(sweep, only, factors):
            place.write(f"{drawn.name}.{form}", figure_file(drawn, form))
            yield f"{place.root / drawn.name}.{form}"


def write_report(
    locations: list[str], *, form: ReportFormat, out: Path | None, galleries: Galleries | None = None
) -> Path:
    """Write the report on sweeps and return its file.

    Args:
        locations: Sweeps, or patterns.
        form: Format of the report.
        out: The file; None is `report/report.html` (or `.md`, `.pdf`) of the one sweep.
        galleries: Computes the predictions that the report shows; None for a report without any.

    Raises:
        UserError: A sweep cannot be read, or there is no place for the file.
    """
    source = open_sweeps(locations)
    file = report_file(source, form, out)
    note_test_read(source, "report")
    _write(source, file, form, galleries)
    return file


def watch_report(
    locations: list[str],
    *,
    out: Path | None,
    every: float,
    say: Callable[[str], None],
    galleries: Galleries | None = None,
) -> None:
    """Rewrite the page of a sweep while a driver works on it, and once more at its end.

    Args:
        locations: One sweep.
        out: The file; None is `report/report.html` of the sweep.
        every: Seconds between two writes, and between two reloads of the page.
        say: Called with messages.
        galleries: Computes the predictions that the report shows; None for a report without any.
    """
    source = open_sweeps(locations)
    if len(source.parts) != 1:
        raise UserError("--watch takes one sweep")
    file = report_file(source, "html", out)
    folder = SweepFolder(source.parts[0][1].root)
    note_test_read(source, "report")
    announced = False
    while holder(folder) is not None:
        _write(open_sweeps(locations), file, "html", galleries, every)
        if not announced:
            say(f"{file} is written every {every:g} s while the driver runs; Ctrl-C ends this")
        announced = True
        time.sleep(every)
    _write(open_sweeps(locations), file, "html", galleries)
    say(f"{file}: no driver works on the sweep, so this is its last state")


def live_sessions(source: Source) -> dict[str, Session]:
    """Return location -> session of each sweep whose journal and description can be read.

    Sweeps of other versions are left out: their tables are readable all the same.
    """
    sessions = {}
    for _, sweep in source.parts:
        try:
            sessions[sweep.root] = live_session(SweepFolder(sweep.root))
        except UserError:
            continue
    return sessions


def live_session(folder: SweepFolder) -> Session:
    """Return the session of a sweep.

    Raises:
        UserError: Its description or its journal cannot be read.
    """
    description = folder.describe()
    if folder.remote:
        # The journal of a bucket would have to be downloaded whole, again and again by a dashboard.
        return Session(driver=holder(folder), started=None, most_trials=None, most_epochs=None)
    sessions = read_sessions(folder)
    with as_recorded(folder):
        limits = TypeAdapter(Limits).validate_python(sessions[-1].limits) if sessions else Limits()
        plan = description.plan(limits)
        return Session(
            driver=holder(folder),
            started=sessions[-1].at if sessions else None,
            most_trials=plan.most_trials,
            most_epochs=total_epochs(plan),
        )


def report_file(source: Source, form: ReportFormat, out: Path | None) -> Path:
    """Return the file of a report.

    Raises:
        UserError: The file cannot lie there.
    """
    if out is None:
        if len(source.parts) > 1:
            raise UserError("a report on several sweeps lies in none of them; name its file: --out FILE")
        return report_folder(source.parts[0][1]) / f"report.{form}"
    if out.is_dir():
        raise UserError(f"--out {out} is a folder; give the name of a file")
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}; make it first")
    if out.exists() and not out.is_file():
        raise UserError(f"--out {out} is no regular file; give another name")
    return out


def note_test_read(source: Source, command: str) -> None:
    """Leave a note in each sweep that test scores were shown."""
    for _, sweep in source.parts:
        SweepFolder(sweep.root).note_test_read(command)


def report_folder(sweep: SweepTables) -> Path:
    """Return the folder `report` of a sweep.

    Raises:
        UserError: It lies in a bucket, its parts lie elsewhere, or this user may not write there.
    """
    if is_remote(sweep.root):
        raise UserError(f"{sweep.root} lies in a bucket; name a folder for the files: --out")
    folder = SweepFolder(sweep.root)
    folder.check_links()
    place = folder.root / "report"
    folder.check_writable(place)
    return place


def _write(
    source: Source, file: Path, form: ReportFormat, galleries: Galleries | None, reload_seconds: float | None = None
) -> None:
    place = LocalStorage(file.parent)
    pictures = None if galleries is None else galleries.of(source)
    report = build_report(source, datetime.datetime.now(datetime.UTC), live_sessions(source), pictures)
    if form == "html":
        place.write(file.name, html_report(report, reload_seconds=reload_seconds).encode())
    elif form == "pdf":
        from analysis.report.writers.pdf import pdf_report

        place.write(file.name, pdf_report(report))
    else:
        folder = f"{file.stem}-figures"
        text, figures = markdown_report(report, folder)
        for name, figure in figures.items():
            content = figure if isinstance(figure, bytes) else figure_file(figure, "png")
            place.write(os.path.join(folder, name), content)
        place.write(file.name, text.encode())


def _figures(sweep: SweepTables, only: tuple[str, ...], factors: tuple[str, ...]) -> Iterator[Figure]:
    data = SweepData(sweep)
    chosen = only or (("heat_map",) if factors else tuple(FIGURES))
    is_empty = True
    for name in chosen:
        compute = partial(heat_map, factors=(factors[0], factors[1])) if factors and name == "heat_map" else None
        try:
            yield figure(name, data, compute)
            is_empty = False
        except NotApplicableError as error:
            if only or factors:
                raise UserError(f"the figure {name} {error} ({sweep.root})") from None
    if is_empty:
        raise UserError(
            f"{sweep.root} holds nothing to draw yet; `seatbelt status {shlex.quote(sweep.root)}` shows how far it is"
        )
