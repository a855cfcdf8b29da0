"""TensorBoard event files, one run per trial, written by the driver."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from runners.events import EpochMeasured, Event, LegEnded, Planned
from runners.history import History
from seatbelt.redaction import shown

_SHOWN = (
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
        from tensorboard.compat.proto.event_pb2 import Event as Record
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        plan = history.trials[event.trial_key].plan
        if event.trial_key not in self._writers:
            self._writers[event.trial_key] = EventFileWriter(str(self._folder / _run_name(plan)))
        values = [
            Summary.Value(tag=name, simple_value=event.metrics[name])
            for name in _SHOWN
            if event.metrics.get(name) is not None
        ]
        record = Record(wall_time=event.at, step=event.epoch, summary=Summary(value=values))
        self._writers[event.trial_key].add_event(record)

    def __enter__(self) -> EventFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()


def _run_name(plan: Planned) -> str:
    """Return the name of a trial's folder; a level, such as `file:/a/b.pth`, may hold anything."""
    levels = shown("-".join(plan.cell.values())).replace("/", "_")
    # A file system takes 255 bytes; what is left out is told apart by the number.
    short = levels.encode()[:200].decode(errors="ignore")
    return f"{plan.number:04d}-{short}-r{plan.replicate}"
