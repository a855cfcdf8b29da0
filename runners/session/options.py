"""How a user wants to run a sweep this time, and what that session may spend."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from runners.core.events import SessionOpened
from runners.core.plan import Limits
from runners.sweep.description import SweepDescription
from runners.sweep.folder import SweepFolder
from runners.sweep.ledger import as_recorded, read_events
from runners.sweep.mirror import FLUSH_SECONDS
from seatbelt.errors import UserError
from seatbelt.text.redaction import redact


@dataclass(frozen=True, kw_only=True)
class Session:
    """How a user wants to run a sweep this time; None is as before."""

    engine: str = "ray"
    address: str | None = None
    allow_insecure: bool = False
    """Join a cluster that asks for no token."""
    slots: int | None = None
    cpus_per_trial: float = 1
    gpus_per_trial: float | Literal["auto"] | None = None
    epoch_minutes: float = 120
    publish_every: float = FLUSH_SECONDS
    tensorboard: bool = False
    quiet: bool = False
    trials: int | None = None
    epochs: int | None = None
    hours: float | None = None
    replicates: int | None = None
    until: float | None = None
    """End when the recommended arm is so close to the best, IoU."""
    sure: float | None = None
    """With this probability."""
    max_epochs: int | None = None
    """Longer trials than before, in a sweep that is resumed."""
    retry: tuple[str, ...] = ()
    """Statuses of ended trials that are to be tried again."""
    stages: str | None = None
    """A store of pretraining stages that sweeps share."""
    accept_code_change: bool = False
    """Go on although the code or the packages that decide numbers changed."""
    named: frozenset[str] = field(default=frozenset(), compare=False)
    """Fields that the user gave; what a resumed session was not given is as in the session before."""
    moved_data: tuple[Path, ...] = ()
    """New places of data sets that were moved."""
    moved_weights: Path | None = None
    """New place of the weights files."""

    def run_options(self) -> dict[str, Any]:
        """Return what a resumed session does alike, by field: what is not the default, and holds no secret."""
        default = Session()
        options = {name: getattr(self, name) for name in RUN_OPTIONS if getattr(self, name) != getattr(default, name)}
        return {name: value for name, value in options.items() if redact(f"{value}") == f"{value}"}


RUN_OPTIONS = {
    "engine": "--engine",
    "address": "--address",
    "slots": "--slots",
    "cpus_per_trial": "--cpus-per-trial",
    "gpus_per_trial": "--gpus-per-trial",
    "epoch_minutes": "--epoch-timeout",
    "publish_every": "--publish-every",
    "tensorboard": "--tensorboard",
    "stages": "--stages",
}
"""Where and how a sweep runs: field of a session -> option. Joining a cluster without a token is asked for anew."""


def as_before(folder: SweepFolder, session: Session) -> Session:
    """Return a session that runs as the last one did, but for what its user gave."""
    last = _last_session(folder)
    options = last.options if last is not None else {}
    try:
        return replace(
            session, **{name: options[name] for name in RUN_OPTIONS.keys() - session.named if name in options}
        )
    except TypeError as error:
        raise UserError(f"the options of the last session in {folder.journal} cannot be used ({error})") from None


def resume_command(folder: SweepFolder, session: Session) -> str:
    """Return the command that goes on with a sweep as this session does."""
    words = ["seatbelt", "resume", folder.shown]
    for name, value in session.run_options().items():
        words += [RUN_OPTIONS[name]] if value is True else [RUN_OPTIONS[name], f"{value}"]
    return shlex.join(words)


def limits_of(earlier: Limits, session: Session) -> Limits:
    """Return what a session may spend: as before, but for what it was given."""
    names = ("trials", "epochs", "hours", "replicates", "until", "sure", "max_epochs")
    given = {name: getattr(session, name) for name in names}
    return replace(earlier, **{name: value for name, value in given.items() if value is not None})


def check_limits(description: SweepDescription, limits: Limits) -> None:
    """Check that a sweep ends, and can begin.

    Raises:
        UserError: It has no limit and no end of its own, or may not train a single leg.
    """
    if description.propose != "exhaustive" and (limits.trials, limits.epochs, limits.hours) == (None, None, None):
        besides = " (--until may never be reached)" if limits.until is not None else ""
        raise UserError(
            f"--propose {description.propose} has no end of its own: give --trials, --epochs or --hours{besides}"
        )
    plan = description.plan(limits)
    if (limits.until is not None or description.propose == "factorial") and not plan.choices.varies:
        raise UserError(
            "nothing varies, so that there is nothing to model; vary a factor with --set FACTOR=LEVEL,LEVEL"
        )
    if limits.epochs is not None and limits.epochs < plan.rungs[0]:
        raise UserError(
            f"--epochs {limits.epochs} is less than the first leg of one trial ({plan.rungs[0]} epochs); raise it"
        )


def earlier_limits(folder: SweepFolder) -> Limits | None:
    """Return what the last session might spend, None if there was none."""
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
