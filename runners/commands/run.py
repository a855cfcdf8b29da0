"""One session of a sweep from a user's wish to its end: plan, confirm, run, tell."""

from __future__ import annotations

import contextlib
import shlex
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

import typer

from runners.commands.resume_checks import (
    check_as_new,
    check_code,
    check_data_unchanged,
    check_weights_unchanged,
    extension_of,
    relocate,
)
from runners.core.events import Event
from runners.core.history import History
from runners.core.plan import Confirmation, Limits
from runners.core.stopping import first_without_success, no_success
from runners.new_sweep.describe import Request, describe
from runners.preview.dry_run import plan_text
from runners.session.driver import Driver
from runners.session.options import Session, as_before, check_limits, earlier_limits, limits_of, resume_command
from runners.session.progress import Progress
from runners.sweep.adopt_trials import copy_what_holds
from runners.sweep.description import SweepDescription
from runners.sweep.folder import SweepFolder
from runners.sweep.stage_store import StageStore
from runners.sweep.trial_lookup import read_history
from search_spaces.space import Cell
from seatbelt.errors import UserError
from seatbelt.text.redaction import shown
from seatbelt.text.wording import activation_hint

if TYPE_CHECKING:
    from runners.engines.connection import Resources


def launch(request: Request, session: Session, root: str, *, dry_run: bool = False, as_new: str | None = None) -> int:
    """Launch a sweep, or go on with the one that lies there; return the exit code.

    Raises:
        UserError: The request cannot work, or differs from the sweep that lies there.
    """
    folder = SweepFolder(root)
    progress = Progress(quiet=session.quiet)
    description = describe(request, progress.note)
    protocol = request.study.protocol
    default = Limits(replicates=protocol.replicates)
    if description.propose != "exhaustive" and session.epochs is None and session.hours is None:
        default = replace(default, trials=protocol.trials)
    new: SweepDescription | None = description
    if as_new is not None:
        source, folder = folder, folder.sibling(as_new)
        check_as_new(source, folder, description, progress)
    elif folder.exists():
        existing = folder.describe()
        new = extension_of(folder, existing, description)
        default = earlier_limits(folder) or default
        if description.base.epochs > existing.base.epochs:
            default = replace(default, max_epochs=description.base.epochs)
        description = (new or existing).relocated(description)
        new = description if description != existing else None
        check_code(description, accept=session.accept_code_change)
    limits = limits_of(default, session)
    check_limits(description, limits)
    if dry_run:
        typer.echo(shown(plan_text(folder, description, limits, slots=_slots(session))))
        return 0
    _check_access(session, description.device)
    if not folder.exists():
        folder.create(description)
        if as_new is not None:
            progress.note(f"{copy_what_holds(source, folder)} complete trials are taken over from {source.shown}")
    elif new is not None:
        folder.replace(description)
    return _run(folder, description, limits, session, progress)


def resume(root: str, session: Session, *, dry_run: bool = False) -> int:
    """Go on with a sweep; return the exit code.

    Raises:
        UserError: There is no sweep, or its data changed.
    """
    folder = SweepFolder(root)
    existing = folder.describe()
    session = as_before(folder, session)
    description = relocate(existing, session.moved_data, session.moved_weights)
    limits = limits_of(earlier_limits(folder) or Limits(), session)
    if limits.max_epochs is not None and limits.max_epochs < description.base.epochs:
        raise UserError(
            f"--max-epochs {limits.max_epochs} is less than the {description.base.epochs} epochs that the sweep was "
            "launched with; trials can only become longer"
        )
    check_limits(description, limits)
    check_data_unchanged(description)
    check_weights_unchanged(description)
    check_code(description, accept=session.accept_code_change)
    if dry_run:
        history = read_history(folder)
        typer.echo(shown(plan_text(folder, description, limits, slots=_slots(session), history=history)))
        return 0
    _check_access(session, description.device)
    if description != existing:
        folder.replace(description)
    return _run(folder, description, limits, session, Progress(quiet=session.quiet))


def confirm(root: str, cells: tuple[Cell, ...], replicates: int, session: Session) -> int:
    """Train arms of a sweep again with fresh seeds; return the exit code.

    Raises:
        UserError: There is no sweep, or its data changed.
    """
    folder = SweepFolder(root)
    description = folder.describe()
    session = as_before(folder, session)
    limits = limits_of(earlier_limits(folder) or Limits(), session)
    check_data_unchanged(description)
    check_weights_unchanged(description)
    check_code(description, accept=session.accept_code_change)
    _check_access(session, description.device)
    confirmation = Confirmation(cells=cells, replicates=replicates)
    return _run(folder, description, limits, session, Progress(quiet=session.quiet), confirmation)


def _run(
    folder: SweepFolder,
    description: SweepDescription,
    limits: Limits,
    session: Session,
    progress: Progress,
    confirmation: Confirmation | None = None,
) -> int:
    stages = StageStore(session.stages, progress.warn) if session.stages is not None else None
    with _observer(folder, session) as observe:
        with (
            Driver(
                folder,
                description,
                limits,
                progress,
                observe,
                confirmation=confirmation,
                stages=stages,
                publish_every=session.publish_every,
                options=session.run_options(),
            ) as driver,
            _signals(driver),
        ):
            driver.retry(session.retry)
            if session.engine == "in-process":
                from runners.engines.devices import device_text_here
                from runners.engines.in_process import run as run_here

                progress.note(device_text_here(description.device))
                run_here(driver)
            else:
                from runners.engines.ray_tune import run as run_on_ray

                run_on_ray(driver, _resources(session, driver, description.device))
            unfinished = driver.finished is None
            history = driver.history
        # Only after it was closed is it sure that everything is published.
        broken, unfinished = (
            driver.broken or driver.unpublished is not None,
            unfinished or driver.unpublished is not None,
        )
    nothing_worked = not unfinished and no_success(history)
    if not session.quiet:
        typer.echo(shown(_next_step(folder, session, history, unfinished=unfinished)), err=True)
        if (hint := activation_hint()) is not None:
            typer.echo(shown(hint), err=True)
    return 1 if nothing_worked or broken else 0


def _slots(session: Session) -> int:
    import os

    if session.engine == "in-process":
        return 1
    return session.slots or max(1, int((os.cpu_count() or 1) // session.cpus_per_trial))


def _check_access(session: Session, device: str) -> None:
    from runners.engines.devices import check_devices

    check_devices(device, engine=session.engine, address=session.address)
    if session.engine == "ray":
        from runners.engines.connection import Resources, check_access

        check_access(Resources(address=session.address, allow_insecure=session.allow_insecure))


def _resources(session: Session, driver: Driver, device: str) -> Resources:
    from runners.engines.connection import Resources

    trial_bytes = 0
    if session.gpus_per_trial == "auto":
        from runners.preview.cost import largest_bytes

        driver.progress.note("asking how much memory the largest trial needs")
        trial_bytes = largest_bytes(driver.plan)
    return Resources(
        address=session.address,
        allow_insecure=session.allow_insecure,
        slots=session.slots,
        cpus_per_trial=session.cpus_per_trial,
        gpus_per_trial=session.gpus_per_trial,
        device=device,
        trial_bytes=trial_bytes,
        epoch_minutes=session.epoch_minutes,
    )


@contextlib.contextmanager
def _observer(folder: SweepFolder, session: Session) -> Iterator[Callable[[Event, History], None]]:
    if not session.tensorboard:
        yield lambda event, history: None
        return
    from runners.export.tensorboard import EventFiles

    with EventFiles(folder.events) as files:
        yield files.observe


@contextlib.contextmanager
def _signals(driver: Driver) -> Iterator[None]:
    """The first signal ends the sweep after the running epochs, the second at once."""

    def on_signal(number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        if driver.stop_reason is not None:
            raise KeyboardInterrupt
        driver.stop_reason = name
        driver.progress.note(f"{name}: ending after the running epochs; once more ends at once")

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _next_step(folder: SweepFolder, session: Session, history: History, *, unfinished: bool) -> str:
    """Return what to do next, as a command that works as it is."""
    if unfinished:
        return f"next: {resume_command(folder, session)}"
    sweep = shlex.quote(folder.shown)
    if not no_success(history):
        return f"next: seatbelt best {sweep}"
    return f"next: seatbelt why {sweep} '[{first_without_success(history).plan.number}]'"
