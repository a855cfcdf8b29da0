"""Runs one leg in this process, for every engine.

Every exception becomes the last message: a `fault` of the machine (a full disk, a broken GPU, data or weights that have
gone since the sweep began), or an `error` of the trial. `machine_faults` holds the table of exceptions.
"""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.sweep_files.folder import SweepFolder
from runners.worker.machine_faults import fault_text, machine_fault, one_line
from runners.worker.messages import EpochReport, LegFacts, LegMessage, LegResult, LegTask, LegWarning
from runners.worker.software import software_difference
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.errors import UserError
from seatbelt.models.weights import resolve
from seatbelt.records.tables import SCORES
from seatbelt.storage.refusals import SESSION_SECONDS, wait_for_buckets
from seatbelt.text.redaction import safe_text
from seatbelt.training.checkpoint import CheckpointFolder
from seatbelt.training.device import Execution, choose_device, why_unusable
from seatbelt.training.events import Began, EpochMetrics
from seatbelt.training.fit import fit, image_scores

if TYPE_CHECKING:
    from runners.sweep_files.description import SweepDescription
    from seatbelt.models.weights import ResolvedWeights


class _MachineError(Exception):
    """A check of the sweep's beginning no longer holds, or does not hold on this machine."""


class _NoGpuError(_MachineError):
    """The GPU that is reserved for the leg cannot be used."""


def run_leg(task: LegTask) -> Iterator[LegMessage]:
    """Run a leg and yield its messages; the last one is a `LegResult`."""
    import torch

    wait_for_buckets(SESSION_SECONDS, trusted=True)
    # Free memory outside the except block: inside it, the traceback still references the tensors.
    out_of_memory = None
    try:
        message: LegMessage | None = None
        for message in _fit(task):
            yield message
        if not isinstance(message, LegResult) or message.outcome != "out_of_memory":
            return
    except torch.OutOfMemoryError as error:
        out_of_memory = str(error).splitlines()[0]
    except Exception as error:
        yield _failure(error)
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if out_of_memory is not None:
        yield LegResult(outcome="out_of_memory", error=safe_text(out_of_memory))


def _failure(error: Exception) -> LegResult:
    """Return the last message of a leg that an exception ended."""
    if isinstance(error, _MachineError):
        no_gpu = isinstance(error, _NoGpuError)
        return _fault(" ".join(str(error).split()), ends_process=no_gpu, breaks_gpu=no_gpu)
    if isinstance(error, UserError):
        return _error(str(error), final=True)
    fault = machine_fault(error)
    if fault is not None:
        return _fault(fault_text(fault, error), ends_process=fault.ends_process, breaks_gpu=fault.breaks_gpu)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return _error(f"{one_line(error)} ({Path(place.filename).name}:{place.lineno})", final=False)


def _fit(task: LegTask) -> Iterator[LegMessage]:
    warnings: list[str] = []
    difference = software_difference(task.software)
    if difference is not None:
        raise _MachineError(f"{socket.gethostname()}: {difference}")
    try:
        sweep = SweepFolder(task.sweep).describe()
        samples = SweepData.of(sweep).samples(task.config)
        weights = _weights(task, sweep)
    except UserError as error:
        raise _MachineError(f"{socket.gethostname()}: {error}") from None
    execution = Execution(
        device=_device(task, sweep.device),
        threads=sweep.threads,
        workers=sweep.workers,
        checkpoint_share=sweep.checkpoint_share,
        gpu_share=task.gpu_share,
    )
    events = fit(
        task.config,
        samples,
        CheckpointFolder(task.checkpoints, warnings.append),
        weights=weights,
        reported_epochs=task.recorded_epochs,
        stop_epoch=task.stop,
        full_epochs=task.full_epochs,
        stage=CheckpointFolder(task.stage, warnings.append) if task.stage else None,
        execution=execution,
        micro_batch=task.micro_batch,
    )
    for event in events:
        while warnings:
            yield LegWarning(text=safe_text(warnings.pop(0)))
        if isinstance(event, Began):
            if task.recorded_epochs and not event.from_epoch:
                yield LegWarning(text=_from_the_beginning(task))
            facts = {**asdict(event), **asdict(event.provenance), **asdict(samples.counts)}
            facts.pop("provenance")
            yield LegFacts(facts=facts)
        elif isinstance(event, EpochMetrics):
            yield EpochReport(epoch=event.epoch, metrics=_metrics(event))
        else:
            yield LegResult(
                outcome=event.outcome,
                epoch=event.epoch,
                error=event.error,
                test=_scores("", asdict(event.test)) if event.test else None,
                images=_images(samples.test_rows, event.image_counts),
            )


def _device(task: LegTask, name: str) -> str:
    """Return the device of a leg; a leg with a reserved GPU uses nothing else, unless the user chose the CPU.

    Raises:
        UserError: The user's device cannot be used.
        _NoGpuError: The reserved GPU cannot be used.
    """
    if not task.owns_gpu or (name != "auto" and not name.startswith("cuda")):
        return choose_device(name)
    device = "cuda" if name == "auto" else name
    reason = why_unusable(device)
    if reason is not None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
        raise _NoGpuError(
            f"{socket.gethostname()}: a GPU is reserved for the leg (CUDA_VISIBLE_DEVICES {visible}), but torch cannot "
            f"use it ({reason}); `seatbelt doctor` there says what to install"
        )
    return device


def _weights(task: LegTask, sweep: SweepDescription) -> ResolvedWeights:
    model = task.config.model
    folder = Path(sweep.weights_folder) if sweep.weights_folder else None
    weights = resolve(model.encoder, model.weights, folder=folder)
    expected = sweep.weights[f"{model.encoder} {model.weights}"]
    if weights.sha256 != expected:
        raise UserError(
            f"the weights {model.weights} of {model.encoder} are not those that the sweep began with (sha256 "
            f"{weights.sha256}, then {expected}); bring the same file to every node"
        )
    return weights


def _from_the_beginning(task: LegTask) -> str:
    return (
        f"trial {task.trial_key}: no checkpoint is left in {task.checkpoints}, so that its {task.recorded_epochs} "
        "recorded epochs are trained again before it goes on; their recorded numbers stay"
    )


def _metrics(event: Any) -> dict[str, Any]:  # noqa: ANN401  (EpochMetrics, which would import torch here)
    fields = asdict(event)
    selection = fields.pop("selection")
    fields.pop("epoch")
    return {**fields, **_scores("selection_", selection)}


def _scores(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{column.name}": values[column.name] for column in SCORES}


def _images(rows: tuple[tuple[str, Any], ...], counts: tuple[tuple[int, int, int], ...]) -> list[dict[str, Any]]:
    if not counts:
        return []
    named = zip(rows, counts, image_scores(counts), strict=True)
    return [
        {
            "dataset": dataset,
            "image": row.image,
            "subject": row.subject,
            **values,
            "intersection": intersection,
            "predicted": predicted,
            "target": target,
        }
        for (dataset, row), (intersection, predicted, target), values in named
    ]


def _fault(text: str, *, ends_process: bool, breaks_gpu: bool) -> LegResult:
    return LegResult(outcome="fault", error=safe_text(text), ends_process=ends_process, breaks_gpu=breaks_gpu)


def _error(text: str, *, final: bool) -> LegResult:
    # Redacted here, because a worker's secrets are in its own environment.
    return LegResult(outcome="error", error=safe_text(text), final=final)
