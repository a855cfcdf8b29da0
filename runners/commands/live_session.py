"""What the report and the dashboard say of a sweep that runs, and the tables do not: who runs it, and its plan."""

from __future__ import annotations

from pydantic import TypeAdapter

from analysis.reading.tables import Source
from analysis.report.sections.progress import Session
from runners.core.plan import Limits
from runners.session.sweep_progress import total_epochs
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded, read_sessions
from runners.sweep_files.ledger import holder
from seatbelt.errors import UserError


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
    description, sessions = folder.describe(), read_sessions(folder)
    with as_recorded(folder):
        limits = TypeAdapter(Limits).validate_python(sessions[-1].limits) if sessions else Limits()
        plan = description.plan(limits)
        return Session(
            driver=holder(folder),
            started=sessions[-1].at if sessions else None,
            most_trials=plan.most_trials,
            most_epochs=total_epochs(plan),
        )
