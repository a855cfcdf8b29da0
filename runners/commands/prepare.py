"""Prepares a session of a sweep: launch, resume or confirm. Nothing is written before every check has passed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runners.commands.resume_checks import check_as_new, check_code, extension_of, relocate
from runners.core.plan import Confirmation, Limits
from runners.new_sweep.default_data import embedded_scenes
from runners.new_sweep.describe import describe
from runners.new_sweep.request import Request
from runners.preview.dry_run import plan_text
from runners.session.options import LimitOptions, RunOptions
from runners.session.previous import check_limits, earlier_limits, merge_limits, repeat_options
from runners.session.progress import Progress
from runners.sweep_files.adopt_trials import adopt_trials
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.trial_lookup import read_history
from runners.sweep_files.unchanged_inputs import check_data_unchanged, check_weights_unchanged
from search_spaces.space import Cell
from seatbelt.errors import UserError
from seatbelt.text.wording import counted


@dataclass(frozen=True, kw_only=True)
class PreparedSession:
    """A session that passed every check: of which sweep, within which limits, and how it runs."""

    folder: SweepFolder
    description: SweepDescription
    limits: Limits
    run: RunOptions
    existing: SweepDescription | None
    """What the folder describes so far; None for a new sweep."""
    adopt_from: SweepFolder | None = None
    confirmation: Confirmation | None = None
    retry: tuple[str, ...] = ()

    def preview(self) -> str:
        """Return what the session would do, as text: what `--dry-run` prints."""
        history = read_history(self.folder) if self.existing is not None else None
        slots = 1
        if self.run.engine == "ray":
            slots = self.run.slots or max(1, int((os.cpu_count() or 1) // self.run.cpus_per_trial))
        return plan_text(self.folder, self.description, self.limits, slots=slots, history=history)

    def save_description(self, progress: Progress) -> None:
        """Create the sweep, or store what the session changes in its description."""
        if self.existing is None:
            self.folder.create(self.description)
        elif self.description != self.existing:
            self.folder.replace(self.description)
        if self.adopt_from is not None:
            complete = adopt_trials(self.adopt_from, self.folder)
            progress.note(f"{complete} complete trials are taken over from {self.adopt_from.name}")


def prepare_launch(  # noqa: PLR0913
    request: Request,
    options: LimitOptions,
    run: RunOptions,
    root: str,
    *,
    as_new: str | None = None,
    command: Sequence[str] | None = None,
    default_data: Callable[[], Path] = embedded_scenes,
) -> PreparedSession:
    """Prepare the first session of a sweep, or a further one of the sweep at `root`.

    Args:
        request: The sweep; without data it uses the embedded scenes.
        options: What it may spend.
        run: Where and how this session runs.
        root: Folder or URL of the sweep.
        as_new: Name of a new sweep beside `root` that adopts what still holds of it.
        command: The words after `seatbelt` that ask for the same; None for those that this process began with.
        default_data: Makes the data set of a request without data.

    Raises:
        UserError: The request cannot work, or differs from the sweep at `root`.
    """
    folder = SweepFolder(root)
    progress = Progress(quiet=run.quiet)
    requested = describe(request, progress.note, default_data=default_data, command=command)
    protocol = request.study.protocol
    default = Limits(replicates=protocol.replicates)
    if requested.propose != "exhaustive" and options.epochs is None and options.hours is None:
        default = replace(default, trials=protocol.trials)
    description, existing, adopt_from = requested, None, None
    if as_new is not None:
        adopt_from, folder = folder, folder.sibling(as_new)
        check_as_new(adopt_from, folder, requested, progress)
    elif folder.exists():
        existing = folder.describe()
        default = earlier_limits(folder) or default
        if requested.base.epochs > existing.base.epochs:
            default = replace(default, max_epochs=requested.base.epochs)
        description = (extension_of(folder, existing, requested) or existing).relocated(requested)
        check_code(description, accept=run.accept_code_change)
    limits = merge_limits(default, options)
    check_limits(description, limits)
    return PreparedSession(
        folder=folder, description=description, limits=limits, run=run, existing=existing, adopt_from=adopt_from
    )


def prepare_resume(  # noqa: PLR0913
    root: str,
    options: LimitOptions,
    run: RunOptions,
    *,
    max_epochs: int | None = None,
    retry: tuple[str, ...] = (),
    moved_data: tuple[Path, ...] = (),
    moved_weights: Path | None = None,
) -> PreparedSession:
    """Prepare a session that continues a sweep.

    Args:
        root: Folder or URL of the sweep.
        options: New limits.
        run: Where and how this session runs.
        max_epochs: New full epochs of a trial; None leaves them.
        retry: Statuses of ended trials that are tried again.
        moved_data: New places of data sets that were moved.
        moved_weights: New place of the weights files.

    Raises:
        UserError: There is no sweep, or its data, weights or code changed.
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
            f"--max-epochs {limits.max_epochs} is less than the {counted(description.base.epochs, 'epoch')} that the "
            "sweep was launched with; trials can only become longer"
        )
    check_limits(description, limits)
    check_unchanged(description, run)
    return PreparedSession(
        folder=folder, description=description, limits=limits, run=run, existing=existing, retry=retry
    )


def prepare_confirmation(root: str, cells: tuple[Cell, ...], replicates: int, run: RunOptions) -> PreparedSession:
    """Prepare a session that trains arms of a sweep again with fresh seeds.

    Raises:
        UserError: There is no sweep, or its data, weights or code changed.
    """
    folder = SweepFolder(root)
    description = folder.describe()
    run = repeat_options(folder, run)
    check_unchanged(description, run)
    return PreparedSession(
        folder=folder,
        description=description,
        limits=earlier_limits(folder) or Limits(),
        run=run,
        existing=description,
        confirmation=Confirmation(cells=cells, replicates=replicates),
    )


def check_unchanged(description: SweepDescription, run: RunOptions) -> None:
    """Compare data, weights and code with those that a sweep began with.

    Raises:
        UserError: One of them changed, and the user did not accept that.
    """
    check_data_unchanged(description)
    check_weights_unchanged(description)
    check_code(description, accept=run.accept_code_change)
