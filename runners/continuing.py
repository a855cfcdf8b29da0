"""Whether a sweep can go on: what was asked for, the data and the code against what earlier rows were made of."""

from __future__ import annotations

from pathlib import Path

from runners.code_version import changed_modules
from runners.copying import what_differs
from runners.progress import Progress
from runners.sweep_description import SweepDescription
from runners.sweep_folder import SweepFolder
from seatbelt.errors import UserError


def extension_of(folder: SweepFolder, existing: SweepDescription, asked: SweepDescription) -> SweepDescription | None:
    """Return the sweep with further levels, None if it stays as it is.

    Raises:
        UserError: What was asked for would falsify earlier rows.
    """
    if not existing.differences(asked):
        return None
    if asked.base.epochs < existing.base.epochs:
        raise UserError(
            f"{folder.shown} trains {existing.base.epochs} epochs, so that --max-epochs {asked.base.epochs} would cut "
            "trials short; trials can only become longer"
        )
    extended = existing.extended(asked)
    if extended is not None:
        return extended if extended != existing else None
    raise UserError(
        f"{folder.shown} holds another sweep ({'; '.join(existing.differences(asked))}); choose another --name, "
        f"`--as-new NAME` to take over what still holds, or `seatbelt resume {folder.shown}` to go on with it as it was"
    )


def check_as_new(source: SweepFolder, target: SweepFolder, asked: SweepDescription, progress: Progress) -> None:
    """Tell what of a sweep holds in a new one.

    Raises:
        UserError: The new one is there already.
    """
    if target.exists():
        raise UserError(f"{target.shown} exists already; choose another name for --as-new, or `seatbelt resume` it")
    differing = what_differs(source.describe(), asked)
    if differing:
        progress.note(f"nothing of {source.shown} holds: {', '.join(differing)} differ; every trial is trained anew")


def check_code(description: SweepDescription, *, accept: bool) -> None:
    """Compare the code that decides numbers with that of the earlier rows.

    Raises:
        UserError: It changed, and the user did not accept that.
    """
    changed = changed_modules(description.code)
    if changed and not accept:
        raise UserError(
            f"the code that decides numbers changed since the sweep began ({', '.join(changed)}), so that earlier rows "
            "would be false beside new ones; go back to that version, begin a new sweep with --as-new, or say "
            "--accept-code-change if you know that no number changes"
        )


def check_data_unchanged(description: SweepDescription) -> None:
    """Compare the data sets with those of the earlier rows.

    Raises:
        UserError: One of them changed.
    """
    from seatbelt.data.dataset import fingerprint, read

    for source in description.data:
        if fingerprint(read(Path(source.path))) != source.fingerprint:
            raise UserError(
                f"data set {source.path} changed since the sweep began, so that earlier rows would be false beside "
                "new ones; restore it, or start a new sweep with another --name"
            )
