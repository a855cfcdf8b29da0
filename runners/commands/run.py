"""Runs one session of a sweep: launch, resume or confirm."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType

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
from runners.engines.connection import Resources, check_access
from runners.engines.devices import check_devices, device_text_here
from runners.export.tensorboard import EventFiles
from runners.new_sweep.default_data import embedded_scenes
from runners.new_sweep.describe import describe
from runners.new_sweep.request import Request
from runners.preview.cost import largest_bytes
from runners.preview.dry_run import plan_text
from runners.session.driver import Driver
from runners.session.options import LimitOptions, RunOptions
from runners.session.previous import check_limits, earlier_limits, merge_limits, repeat_options, resume_command
from runners.session.progress import Progress
from runners.sweep.adopt_trials import adopt_trials
from runners.sweep.description import SweepDescription
from runners.sweep.folder import SweepFolder
from runners.sweep.stage_store import StageStore
from runners.sweep.trial_lookup import read_history
from search_spaces.space import Cell
from seatbelt.errors import UserError
from seatbelt.text.redaction import safe_text
from seatbelt.text.wording import activation_hint


def launch(
    request: Request,
    options: LimitOptions,
    run: RunOptions,
    root: str,
    *,
    dry_run: bool = False,
    as_new: str | None = None,
) -> int:
    """Launch a sweep, or continue the one at `root`; return the exit code.

    Args:
        request: The sweep; without data it uses the embedded scenes.
        options: What it may spend.
        run: Where and how this session runs.
        root: Folder or URL of the sweep.
        dry_run: Print the plan and stop.
        as_new: Name of a new sweep beside `root` that adopts what still holds of it.

    Raises:
        UserError: The request cannot work, or differs from the sweep at `root`.
    """
    folder = SweepFolder(root)
    progress = Progress(quiet=run.quiet)
    description = describe(request, progress.note, default_data=embedded_scenes)
    protocol = request.study.protocol
    default = Limits(replicates=protocol.replicates)
    if description.propose != "exhaustive" and options.epochs is None and options.hours is None:
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
        check_code(description, accept=run.accept_code_change)
    limits = merge_limits(default, options)
    check_limits(description, limits)
    if dry_run:
        typer.echo(safe_text(plan_text(folder, description, limits, slots=_slots(run))))
        return 0
    _check_access(run, description.device)
    if not folder.exists():
        folder.create(description)
        if as_new is not None:
            progress.note(f"{adopt_trials(source, folder)} complete trials are taken over from {source.name}")
    elif new is not None:
        folder.replace(description)
    return _run(folder, description, limits, run, progress)


def resume(  # noqa: PLR0913
    root: str,
    options: LimitOptions,
    run: RunOptions,
    *,
    max_epochs: int | None = None,
    retry: tuple[str, ...] = (),
    moved_data: tuple[Path, ...] = (),
    moved_weights: Path | None = None,
    dry_run: bool = False,
) -> int:
    """Continue a sweep; return the exit code.

    Args:
        root: Folder or URL of the sweep.
        options: New limits.
        run: Where and how this session runs.
        max_epochs: New full epochs of a trial; None leaves them.
        retry: Statuses of ended trials that are tried again.
        moved_data: New places of data sets that were moved.
        moved_weights: New place of the weights files.
        dry_run: Print what is left and stop.

    Raises:
        UserError: There is no sweep, or its data changed.
    """
    folder = SweepFolder(root)
    existing = folder.describe()
    run = repeat_options(folder, run)
    description = relocate(existing, moved_data, moved_weights)
    limits = merge_limits(earlier_limits(folder) or Limits(), options)
    if max_epochs is not None:
        limits = replace(limits, max_epochs=max_epochs)
    if limits.max_epochs is not None and limits.max_epochs < description.base.epochs:
        raise UserError(
            f"--max-epochs {limits.max_epochs} is less than the {description.base.epochs} epochs that the sweep was "
            "launched with; trials can only become longer"
        )
    check_limits(description, limits)
    check_data_unchanged(description)
    check_weights_unchanged(description)
    check_code(description, accept=run.accept_code_change)
    if dry_run:
        history = read_history(folder)
        typer.echo(safe_text(plan_text(folder, description, limits, slots=_slots(run), history=history)))
        return 0
    _check_access(run, description.device)
    if description != existing:
        folder.replace(description)
    return _run(folder, description, limits, run, Progress(quiet=run.quiet), retry=retry)


def confirm(root: str, cells: tuple[Cell, ...], replicates: int, run: RunOptions) -> int:
    """Train arms of a sweep again with fresh seeds; return the exit code.

    Raises:
        UserError: There is no sweep, or its data changed.
    """
    folder = SweepFolder(root)
    description = folder.describe()
    run = repeat_options(folder, run)
    limits = earlier_limits(folder) or Limits()
    check_data_unchanged(description)
    check_weights_unchanged(description)
    check_code(description, accept=run.accept_code_change)
    _check_access(run, description.device)
    confirmation = Confirmation(cells=cells, replicates=replicates)
    return _run(folder, description, limits, run, Progress(quiet=run.quiet), confirmation)


def _run(  # noqa: PLR0913
    folder: SweepFolder,
    description: SweepDescription,
    limits: Limits,
    run: RunOptions,
    progress: Progress,
    confirmation: Confirmation | None = None,
    retry: tuple[str, ...] = (),
) -> int:
    stages = StageStore(run.stages, progress.warn) if run.stages is not None else None
    with _observer(folder, run) as observe:
        with (
            Driver.open(
                folder,
                description,
                limits,
                progress,
                observe,
                confirmation=confirmation,
                stages=stages,
                publish_every=run.publish_every,
                options=run.repeated(),
            ) as driver,
            _signals(driver),
        ):
            driver.retry(retry)
            if run.engine == "in-process":
                from runners.engines.in_process import run as run_here

                progress.note(device_text_here(description.device))
                run_here(driver)
            else:
                from runners.engines.ray_tune import run as run_on_ray

                run_on_ray(driver, _resources(run, driver, description.device))
            unfinished = driver.finished is None
            history = driver.history
        # Only a closed driver has published everything.
        unpublished = driver.unpublished is not None
        failed, unfinished = driver.stop.is_failure or unpublished, unfinished or unpublished
    nothing_worked = not unfinished and no_success(history)
    if not run.quiet:
        typer.echo(safe_text(_next_step(folder, run, history, unfinished=unfinished)), err=True)
        if (hint := activation_hint()) is not None:
            typer.echo(safe_text(hint), err=True)
    return 1 if nothing_worked or failed else 0


def _slots(run: RunOptions) -> int:
    if run.engine == "in-process":
        return 1
    return run.slots or max(1, int((os.cpu_count() or 1) // run.cpus_per_trial))


def _check_access(run: RunOptions, device: str) -> None:
    check_devices(device, engine=run.engine, address=run.address)
    if run.engine == "ray":
        check_access(Resources(address=run.address, allow_insecure=run.allow_insecure))


def _resources(run: RunOptions, driver: Driver, device: str) -> Resources:
    trial_bytes = 0
    if run.gpus_per_trial == "auto":
        driver.progress.note("asking how much memory the largest trial needs")
        trial_bytes = largest_bytes(driver.plan)
    return Resources(
        address=run.address,
        allow_insecure=run.allow_insecure,
        slots=run.slots,
        cpus_per_trial=run.cpus_per_trial,
        gpus_per_trial=run.gpus_per_trial,
        device=device,
        trial_bytes=trial_bytes,
        epoch_minutes=run.epoch_minutes,
    )


@contextlib.contextmanager
def _observer(folder: SweepFolder, run: RunOptions) -> Iterator[Callable[[Event, History], None]]:
    if not run.tensorboard:
        yield lambda event, history: None
        return
    with EventFiles(folder.events) as files:
        yield files.observe


@contextlib.contextmanager
def _signals(driver: Driver) -> Iterator[None]:
    """The first signal ends the sweep after the running epochs, the second at once."""

    def on_signal(number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        if driver.stop.reason is not None:
            raise KeyboardInterrupt
        driver.stop.request(name)
        driver.progress.note(f"{name}: ending after the running epochs; once more ends at once")

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _next_step(folder: SweepFolder, run: RunOptions, history: History, *, unfinished: bool) -> str:
    """Return what to do next, as a command that works as it is."""
    if unfinished:
        return f"next: {resume_command(folder, run)}"
    sweep = shlex.quote(folder.name)
    if not no_success(history):
        return f"next: seatbelt best {sweep}"
    return f"next: seatbelt why {sweep} '[{first_without_success(history).plan.number}]'"
