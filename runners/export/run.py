"""Reads sweeps and writes them to each target."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

from analysis.reading.tables import Source
from analysis.sweeps import open_sweeps
from runners.export.event_files import write_event_files
from runners.export.mlflow_store import write_store
from runners.export.optuna_storage import write_storage
from runners.export.read import ExportedSweep, exported
from runners.export.target import checked_target, new_target
from runners.sweep_files.folder import SweepFolder
from runners.terminal import progress_bar
from seatbelt.text.wording import counted

Writer = Callable[[Iterable[ExportedSweep], Path, Callable[[int, int], None]], dict[str, int]]

_WRITERS: dict[str, Writer] = {
    "--optuna": write_storage,
    "--mlflow": write_store,
    "--tensorboard": write_event_files,
}

_OPENED_BY = {
    "--optuna": "optuna-dashboard sqlite:///{}",
    "--mlflow": "mlflow ui --backend-store-uri sqlite:///{}",
    "--tensorboard": "tensorboard --logdir {}",
}


def export_sweeps(locations: list[str], targets: list[tuple[str, str]]) -> str:
    """Write sweeps to targets.

    Args:
        locations: Sweeps, as `open_sweeps` takes them.
        targets: Options such as `--optuna`, each with the place to write.

    Returns:
        The written files, and how to open them.

    Raises:
        UserError: A sweep cannot be read, or a target exists already.
    """
    source = open_sweeps(locations)
    # Write no target if another one is impossible.
    for option, place in targets:
        checked_target(option, place, source)
    sweeps = exported(source)
    lines = [line for option, place in targets for line in _written(option, place, source, sweeps)]
    for _, sweep in source.parts:
        SweepFolder(sweep.root).note_test_read("export")
    return "\n".join(lines)


def _written(option: str, place: str, source: Source, sweeps: list[ExportedSweep]) -> list[str]:
    with new_target(option, place, source) as part, progress_bar(f"writing {place}") as bar:
        counts = _WRITERS[option](sweeps, part, bar)
    summary = ", ".join(f"{name} {counted(count, 'trial')}" for name, count in counts.items())
    return [f"{place}: {summary}", f"  open it: {_OPENED_BY[option].format(shlex.quote(place))}"]
