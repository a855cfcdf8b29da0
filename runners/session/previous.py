"""What a session takes over from the one before: options and limits."""

from __future__ import annotations

import shlex
from dataclasses import asdict, replace

from pydantic import TypeAdapter

from runners.core.events import SessionOpened
from runners.core.plan import Limits
from runners.session.options import REPEATED, LimitOptions, RunOptions
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded, read_events
from seatbelt.errors import UserError
from seatbelt.text.wording import counted


def repeat_options(folder: SweepFolder, run: RunOptions) -> RunOptions:
    """Return the options of the last session, replaced by those that the user set.

    Raises:
        UserError: The journal holds options that nobody could have set.
    """
    last = _last_session(folder)
    options = last.options if last is not None else {}
    try:
        return replace(run, **{name: options[name] for name in REPEATED.keys() - run.named if name in options})
    except TypeError as error:
        raise UserError(f"the options of the last session in {folder.journal} cannot be used ({error})") from None


def resume_command(folder: SweepFolder, run: RunOptions) -> str:
    """Return the command that continues a sweep with the same options."""
    words = ["seatbelt", "resume", folder.name]
    for name, value in run.repeated().items():
        words += [REPEATED[name]] if value is True else [REPEATED[name], f"{value}"]
    return shlex.join(words)


def merge_limits(earlier: Limits, options: LimitOptions) -> Limits:
    """Return the earlier limits, replaced by those that the user set."""
    return replace(earlier, **{name: value for name, value in asdict(options).items() if value is not None})


def check_limits(description: SweepDescription, limits: Limits) -> None:
    """Check that a sweep can begin and will end.

    Raises:
        UserError: It has neither a limit nor a last arm, or its limits allow not a single leg.
    """
    if description.propose != "exhaustive" and (limits.trials, limits.epochs, limits.hours) == (None, None, None):
        besides = " (--until may never be reached)" if limits.until is not None else ""
        raise UserError(
            f"--propose {description.propose} has no end of its own: give --trials, --epochs or --hours{besides}"
        )
    if limits.max_epochs is not None and limits.max_epochs > description.base.epochs and description.fixed_length:
        raise UserError(
            f"the learning rates of this sweep fall to 0 at epoch {description.base.epochs} "
            f"({', '.join(description.fixed_length)}), so that its trials cannot go on to epoch {limits.max_epochs}; "
            "begin a new sweep with another --name, or one with schedule=plateau or constant"
        )
    plan = description.plan(limits)
    if (limits.until is not None or description.propose == "factorial") and not plan.candidates.varies:
        raise UserError(
            "nothing varies, so that there is nothing to model; vary a factor with --set FACTOR=LEVEL,LEVEL"
        )
    if limits.epochs is not None and limits.epochs < plan.rungs[0]:
        raise UserError(
            f"--epochs {limits.epochs} is less than the first leg of one trial ({counted(plan.rungs[0], 'epoch')}); "
            "raise it"
        )


def earlier_limits(folder: SweepFolder) -> Limits | None:
    """Return the limits of the last session; None if there was none."""
    last = _last_session(folder)
    with as_recorded(folder):
        return TypeAdapter(Limits).validate_python(last.limits) if last is not None else None


def _last_session(folder: SweepFolder) -> SessionOpened | None:
    last = None
    with as_recorded(folder):
        for event in read_events(folder):
            if isinstance(event, SessionOpened):
                last = event
    return last
