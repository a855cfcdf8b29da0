"""Writes TensorBoard event files while a sweep runs, one run per trial."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event as Record
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from runners.core.events import EpochMeasured, Event, LegEnded
from runners.core.history import History
from seatbelt.text.redaction import safe_text

SCALARS = (
    "train_loss",
    "validation_loss",
    "validation_iou",
    "selection_loss",
    "selection_iou",
    "selection_iou_with_target",
    "selection_iou_pooled",
    "selection_dice",
    "encoder_learning_rate",
    "decoder_learning_rate",
    "images_per_s",
)
"""Columns of the table `epochs` that are curves in TensorBoard and metrics in other tools."""


class EventFiles:
    """Open writers of the running trials; TensorBoard reads the folder while the sweep runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, Any] = {}

    def observe(self, event: Event, history: History) -> None:
        """Write the scalars of an epoch."""
        if isinstance(event, EpochMeasured):
            self._write(event, history)
        elif isinstance(event, LegEnded) and event.trial_key in self._writers:
            self._writers.pop(event.trial_key).close()

    def _write(self, event: EpochMeasured, history: History) -> None:
        plan = history.trials[event.trial_key].plan
        if event.trial_key not in self._writers:
            name = run_name(plan.number, plan.cell, plan.replicate)
            self._writers[event.trial_key] = EventFileWriter(str(self._folder / name))
        values = {name: value for name in SCALARS if (value := event.metrics.get(name)) is not None}
        self._writers[event.trial_key].add_event(scalar_event(values, event.epoch, event.at))

    def __enter__(self) -> EventFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()


def scalar_event(values: Mapping[str, float], epoch: int, at: float) -> Any:  # noqa: ANN401  (of tensorboard)
    """Return an event with a scalar for each value.

    Args:
        values: Name -> value.
        epoch: The step.
        at: Seconds since 1970.
    """
    scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
    return Record(wall_time=at, step=epoch, summary=Summary(value=scalars))


def run_name(number: int, cell: Mapping[str, object], replicate: int) -> str:
    """Return the folder name of a trial; a level such as `file:/a/b.pth` may contain anything."""
    levels = safe_text("-".join(str(level) for level in cell.values())).replace("/", "_")
    # A file name has at most 255 bytes, and the number makes it unique.
    short = levels.encode()[:200].decode(errors="ignore")
    return f"{number:04d}-{short}-r{replicate}"
