"""Runs one session of a sweep to its end."""

from __future__ import annotations

import contextlib
import shlex
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from runners.commands.prepare import PreparedSession
from runners.core.events import Event
from runners.core.history import History
from runners.core.stopping import first_without_success, no_success
from runners.engines.connection import Resources, check_access
from runners.engines.devices import check_devices, device_text_here
from runners.export.tensorboard import EventFiles
from runners.preview.cost import largest_bytes
from runners.session.driver import Driver
from runners.session.options import RunOptions
from runners.session.previous import resume_command
from runners.session.progress import Progress
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.stage_store import StageStore
from runners.terminal import say
from seatbelt.text.wording import activation_hint


def run_session(
    session: PreparedSession, when_open: Callable[[], None] = lambda: None, *, repeat: str | None = None
) -> int:
    """Run a session to its end; return the exit code: 1 if it failed, or if no trial of a whole sweep worked.

    Args:
        session: The session.
        when_open: Called once this process is the writer of the sweep, and signals stop it gently.
        repeat: The command that continues an unfinished session and does what follows a finished one; None for a
            sweep, which `seatbelt resume` continues.

    Raises:
        UserError: The engine, the device or the folder cannot be used.
    """
    folder, description, run = session.folder, session.description, session.run
    progress = Progress(quiet=run.quiet)
    check_devices(description.device, engine=run.engine, address=run.address)
    if run.engine == "ray":
        check_access(Resources(address=run.address, allow_insecure=run.allow_insecure))
    session.save_description(progress)
    stages = StageStore(run.stages, progress.warn) if run.stages is not None else None
    with _observer(folder, run) as observe:
        with (
            Driver.open(
                folder,
                description,
                session.limits,
                progress,
                observe,
                confirmation=session.confirmation,
                stages=stages,
                publish_every=run.publish_every,
                options=run.repeated(),
            ) as driver,
            _signals(driver),
        ):
            when_open()
            driver.retry(session.retry)
            _run_trials(driver, run, description.device)
            unfinished = driver.finished is None
            history = driver.history
        # Only a closed driver has published everything.
        unpublished = driver.unpublished is not None
        failed, unfinished = driver.stop.is_failure or unpublished, unfinished or unpublished
    nothing_worked = not unfinished and no_success(history)
    if not run.quiet and (repeat is None or unfinished):
        say(_next_step(folder, run, history, unfinished=unfinished) if repeat is None else f"next: {repeat}", err=True)
        if (hint := activation_hint()) is not None:
            say(hint, err=True)
    return 1 if nothing_worked or failed else 0


def _run_trials(driver: Driver, run: RunOptions, device: str) -> None:
    if run.engine == "in-process":
        from runners.engines.in_process import run as run_here

        driver.progress.note(device_text_here(device))
        run_here(driver)
    else:
        from runners.engines.ray_tune import run as run_on_ray

        run_on_ray(driver, _resources(run, driver, device))


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
