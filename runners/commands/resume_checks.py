"""Checks before resuming: request, data and code must match the recorded rows."""

from __future__ import annotations

import os
from pathlib import Path

from runners.session.progress import Progress
from runners.sweep_files.adopt_trials import differing_fields
from runners.sweep_files.code_version import changed_modules, changed_packages
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from seatbelt.data.datasets.dataset import fingerprint, read
from seatbelt.errors import UserError
from seatbelt.text.wording import counted


def extension_of(
    folder: SweepFolder, existing: SweepDescription, requested: SweepDescription
) -> SweepDescription | None:
    """Return the sweep with further levels; None if it stays as it is.

    Raises:
        UserError: The request would falsify recorded rows.
    """
    if not existing.differences(requested):
        return None
    if requested.base.epochs < existing.base.epochs:
        raise UserError(
            f"{folder.name} trains {counted(existing.base.epochs, 'epoch')}, so that --max-epochs "
            f"{requested.base.epochs} would cut trials short; trials can only become longer"
        )
    extended = existing.extended(requested)
    if extended is not None:
        return extended if extended != existing else None
    raise UserError(
        f"{folder.name} holds another sweep ({'; '.join(existing.differences(requested))}); choose another --name, "
        f"`--as-new NAME` to adopt the trials that still hold, or `seatbelt resume {folder.name}` to continue it "
        "unchanged"
    )


def check_as_new(source: SweepFolder, target: SweepFolder, requested: SweepDescription, progress: Progress) -> None:
    """Note which fields keep the trials of a sweep from holding in a new one.

    Raises:
        UserError: The new sweep exists already.
    """
    if target.exists():
        raise UserError(f"{target.name} exists already; choose another name for --as-new, or `seatbelt resume` it")
    differing = differing_fields(source.describe(), requested)
    if differing:
        progress.note(f"nothing of {source.name} holds: {', '.join(differing)} differ; every trial is trained anew")


def check_code(description: SweepDescription, *, accept: bool) -> None:
    """Compare the code and the packages that decide numbers with those of the recorded rows.

    Raises:
        UserError: They changed, and the user did not accept that.
    """
    if accept:
        return
    modules = changed_modules(description.code)
    if modules:
        raise UserError(
            f"the code that decides numbers changed since the sweep began ({', '.join(modules)}), so that earlier rows "
            "would be false beside new ones; go back to that version, begin a new sweep with --as-new, or say "
            "--accept-code-change if you know that no number changes"
        )
    packages = changed_packages(description.versions)
    if packages:
        raise UserError(
            f"versions of packages that decide numbers changed since the sweep began ({'; '.join(packages)}), so that "
            "earlier rows would be false beside new ones; install those versions, begin a new sweep with --as-new, or "
            "say --accept-code-change if you know that no number changes"
        )


def relocate(description: SweepDescription, data: tuple[Path, ...], weights_folder: Path | None) -> SweepDescription:
    """Return a sweep with new places of data sets and weights.

    Args:
        description: The sweep.
        data: New places of data sets, which their content identifies; other data sets stay.
        weights_folder: New place of the weights files; None leaves it.

    Raises:
        UserError: A folder holds no data set of the sweep.
    """
    sources = {source.fingerprint: source for source in description.data}
    for folder in data:
        content = fingerprint(read(folder))
        if content not in sources:
            names = ", ".join(f"{source.name} (was {source.path})" for source in description.data)
            raise UserError(f"--data {folder} holds other images or masks than the sweep's data: {names}")
        sources[content] = sources[content].model_copy(update={"path": os.fspath(folder.resolve())})
    new_weights_folder = description.weights_folder if weights_folder is None else os.fspath(weights_folder.resolve())
    return description.model_copy(
        update={
            "data": tuple(sources[source.fingerprint] for source in description.data),
            "weights_folder": new_weights_folder,
        }
    )
