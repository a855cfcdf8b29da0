"""Writes sweeps as TensorBoard event files: curves of each trial, and hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.plugins.hparams import summary_v2 as hp
from tensorboard.summary.writer.record_writer import RecordWriter

from runners.export.read import ExportedSweep, ExportedTrial
from runners.export.tensorboard import scalar_event
from seatbelt.records.sweep import NAMED_ARM
from seatbelt.records.tables import FINAL, Status
from seatbelt.text.redaction import safe_text

_METRICS = {
    "best_selection_iou": "selection IoU, best epoch",
    "test_iou": "test IoU",
    "epochs_done": "epochs",
    "seconds": "seconds",
}
"""Result -> its name in the table of hyperparameters."""

_SWEEP = "sweep"


def write_event_files(sweeps: Iterable[ExportedSweep], folder: Path, bar: Callable[[int, int], None]) -> dict[str, int]:
    """Write a run for each trial into a new folder, with a subfolder for each of several sweeps.

    Trials of one arm are sessions of one group, which TensorBoard shows by their mean. Its plugin supports one
    experiment per folder, so several sweeps become one experiment with the sweep as a hyperparameter.

    Args:
        sweeps: The sweeps.
        folder: The folder to make.
        bar: Called with the number of written trials and their total.

    Returns:
        Name of each sweep -> number of runs.
    """
    exported = list(sweeps)
    total = sum(len(sweep.trials) for sweep in exported)
    several = len(exported) > 1
    _write(folder, [_event(_experiment(exported), _created(exported))])
    done = 0
    for sweep in exported:
        name = safe_text(sweep.name)
        within = folder / name.replace("/", "_") if several else folder
        for trial in sweep.trials:
            _write(within / trial.run_name, _events(trial, {_SWEEP: name} if several else {}))
            done += 1
            bar(done, total)
    return {safe_text(sweep.name): len(sweep.trials) for sweep in exported}


def _experiment(sweeps: list[ExportedSweep]) -> Any:  # noqa: ANN401  (of tensorboard)
    """Return the hyperparameters with their domains, and the metrics."""
    texts: dict[str, list[str]] = {_SWEEP: [safe_text(sweep.name) for sweep in sweeps]} if len(sweeps) > 1 else {}
    ranges: dict[str, tuple[float, float]] = {}
    for sweep in sweeps:
        for factor in sweep.factors:
            if (span := factor.range) is not None:
                low, high = ranges.get(factor.name, (span.low, span.high))
                ranges[factor.name] = min(low, span.low), max(high, span.high)
            else:
                texts.setdefault(factor.name, []).extend(factor.levels)
        named = [str(trial.levels[NAMED_ARM]) for trial in sweep.trials if not trial.in_space]
        if named:
            texts.setdefault(NAMED_ARM, []).extend(named)
    return hp.hparams_config_pb(
        hparams=[
            *(hp.HParam(name, hp.Discrete(list(dict.fromkeys(levels)))) for name, levels in texts.items()),
            *(hp.HParam(name, hp.RealInterval(*bounds)) for name, bounds in ranges.items() if name not in texts),
        ],
        metrics=[hp.Metric(name, display_name=text) for name, text in _METRICS.items()],
        time_created_secs=_created(sweeps),
    )


def _created(sweeps: list[ExportedSweep]) -> float:
    return min(trial.started.timestamp() for sweep in sweeps for trial in sweep.trials)


def _events(trial: ExportedTrial, more: dict[str, str]) -> list[Any]:
    """Return the records of a trial: its hyperparameters, its curves, its results, its end."""
    started = trial.started.timestamp()
    group = "/".join([*more.values(), trial.arm_key])
    begin = hp.hparams_pb({**more, **trial.levels}, trial_id=group, start_time_secs=started)
    events = [_event(begin, started)]
    events += [scalar_event(values, epoch, at) for epoch, at, values in trial.curves.rows()]
    ended = (trial.ended or trial.started).timestamp()
    results = {name: value for name, value in trial.result_metrics.items() if name in _METRICS}
    events.append(scalar_event(results, int(trial.results.get("epochs_done", 0)), ended))
    if trial.ended is not None:
        events.append(_event(_end(trial), ended))
    return events


def _end(trial: ExportedTrial) -> Any:  # noqa: ANN401  (of tensorboard)
    assert trial.ended is not None
    failed = trial.status in FINAL - {Status.COMPLETE}
    status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
    info = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=trial.ended.timestamp())
    summary = Summary()
    summary.value.add(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=info)),
        tensor=metadata.NULL_TENSOR,
    )
    return summary


def _event(summary: Any, at: float) -> Any:  # noqa: ANN401  (of tensorboard)
    return Event(wall_time=at, step=0, summary=summary)


def _write(folder: Path, events: list[Any]) -> None:
    folder.mkdir(parents=True)
    at = events[0].wall_time
    # TensorBoard recognises event files by this part of their name.
    with (folder / f"events.out.tfevents.{int(at)}.seatbelt").open("wb") as file:
        writer = RecordWriter(file)
        for event in (Event(wall_time=at, file_version="brain.Event:2"), *events):
            writer.write(event.SerializeToString())
