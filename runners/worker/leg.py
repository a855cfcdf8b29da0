"""Running one leg in this process: what every engine's worker does.

A leg is described by plain JSON values and answers with plain JSON messages, so that it can cross any
process boundary. Whatever goes wrong becomes the last message: a `fault` is the machine's (a full disk, a GPU that
failed, data or weights that were there when the sweep began), an `error` is the trial's; the table of exceptions is in
`machine_faults`.
"""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from runners.engines.node_software import software_difference
from runners.sweep.folder import SweepFolder
from runners.worker.machine_faults import fault_text, machine_fault, one_line
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.storage.refusals import SESSION_SECONDS, wait_for_buckets
from seatbelt.text.redaction import shown

if TYPE_CHECKING:
    from runners.sweep.description import SweepDescription
    from seatbelt.models.weights import ResolvedWeights

Message = dict[str, Any]
"""`kind` is began, epoch, warning or ended; the rest are JSON values."""


class LegSpec(BaseModel):
    """Everything that a worker needs to run a leg."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial_key: str
    attempt: int
    config: TrialConfig
    known_epochs: int
    stop: int
    sweep: str
    """The sweep folder, which holds what all legs share: data sets, selection set, weights, resources."""
    checkpoints: str
    full_epochs: int
    """The trial is complete and tested when it has trained so many."""
    stage: str | None = None
    """Folder with the checkpoint of the pretraining that the trial begins with."""
    micro_batch: int | None = None
    """Images per backward pass, if epochs that are recorded settled it."""
    gpu_share: float | None = None
    """Share of a GPU's memory that the leg may take; the engine knows."""
    owns_gpu: bool = False
    """A GPU is reserved for the leg, so that it never runs on the CPU instead; the engine knows."""
    software: dict[str, str] = {}
    """What the driver runs with, which the worker must run with too; the engine knows."""
    step_seconds: float = 7200.0
    """A worker whose leg measures no epoch for so long is ended; the engine knows."""


class _MachineError(Exception):
    """What was checked when the sweep began does not hold on this machine, or not any more."""


class _NoGpuError(_MachineError):
    """The GPU that is reserved for the leg cannot be used."""


def run_leg(spec: LegSpec) -> Iterator[Message]:
    """Run a leg and yield its messages; the last one has kind `ended`."""
    import torch

    wait_for_buckets(SESSION_SECONDS, trusted=True)
    # Memory is freed outside the except block: inside it the traceback still holds the tensors.
    out_of_memory = None
    try:
        ended: Message = {}
        for ended in _fit(spec):
            yield ended
        if ended.get("outcome") != "out_of_memory":
            return
    except torch.OutOfMemoryError as error:
        out_of_memory = str(error).splitlines()[0]
    except Exception as error:
        yield _failure(error)
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if out_of_memory is not None:
        yield {"kind": "ended", "outcome": "out_of_memory", "error": shown(out_of_memory)}


def _failure(error: Exception) -> Message:
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


def _fit(spec: LegSpec) -> Iterator[Message]:
    from seatbelt.data.loading.trial_samples import Source, SweepData
    from seatbelt.training.checkpoint import CheckpointFolder
    from seatbelt.training.device import Execution
    from seatbelt.training.events import Began, EpochMetrics
    from seatbelt.training.fit import fit

    warnings: list[str] = []
    difference = software_difference(spec.software)
    if difference is not None:
        raise _MachineError(f"{socket.gethostname()}: {difference}")
    try:
        sweep = SweepFolder(spec.sweep).describe()
        sources = tuple(Source(path=source.path, fingerprint=source.fingerprint) for source in sweep.data)
        data = SweepData(sources, sweep.selection, subjects_per_data_set=sweep.subjects_per_data_set)
        samples = data.samples(spec.config)
        weights = _weights(spec, sweep)
    except UserError as error:
        raise _MachineError(f"{socket.gethostname()}: {error}") from None
    execution = Execution(
        device=_device(spec, sweep.device),
        threads=sweep.threads,
        workers=sweep.workers,
        checkpoint_share=sweep.checkpoint_share,
        gpu_share=spec.gpu_share,
    )
    events = fit(
        spec.config,
        samples,
        CheckpointFolder(spec.checkpoints, warnings.append),
        weights=weights,
        reported_epochs=spec.known_epochs,
        stop_epoch=spec.stop,
        full_epochs=spec.full_epochs,
        stage=CheckpointFolder(spec.stage, warnings.append) if spec.stage else None,
        execution=execution,
        micro_batch=spec.micro_batch,
    )
    for event in events:
        while warnings:
            yield {"kind": "warning", "text": shown(warnings.pop(0))}
        if isinstance(event, Began):
            if spec.known_epochs and not event.from_epoch:
                yield {"kind": "warning", "text": _from_the_beginning(spec)}
            facts = {**asdict(event), **asdict(event.provenance), **asdict(samples.counts)}
            facts.pop("provenance")
            yield {"kind": "began", "facts": facts}
        elif isinstance(event, EpochMetrics):
            yield {"kind": "epoch", "epoch": event.epoch, "metrics": _metrics(event)}
        else:
            yield {
                "kind": "ended",
                "outcome": event.outcome,
                "epoch": event.epoch,
                "error": event.error,
                "test": _scores("", asdict(event.test)) if event.test else None,
                "images": _images(samples.test_rows, event.image_counts),
            }


def _device(spec: LegSpec, name: str) -> str:
    """Return the device of a leg; one that a GPU is reserved for runs on nothing else, unless the CPU was asked for.

    Raises:
        UserError: The device that was asked for cannot be used.
        _NoGpuError: The GPU that is reserved cannot be used.
    """
    from seatbelt.training.device import choose_device, why_unusable

    if not spec.owns_gpu or (name != "auto" and not name.startswith("cuda")):
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


def _weights(spec: LegSpec, sweep: SweepDescription) -> ResolvedWeights:
    from seatbelt.models.weights import resolve

    model = spec.config.model
    folder = Path(sweep.weights_folder) if sweep.weights_folder else None
    weights = resolve(model.encoder, model.weights, folder=folder)
    expected = sweep.weights[f"{model.encoder} {model.weights}"]
    if weights.sha256 != expected:
        raise UserError(
            f"the weights {model.weights} of {model.encoder} are not those that the sweep began with (sha256 "
            f"{weights.sha256}, then {expected}); bring the same file to every node"
        )
    return weights


def _from_the_beginning(spec: LegSpec) -> str:
    return (
        f"trial {spec.trial_key}: no checkpoint is left in {spec.checkpoints}, so that its {spec.known_epochs} "
        "recorded epochs are trained again before it goes on; their recorded numbers stay"
    )


def _metrics(event: Any) -> dict[str, Any]:  # noqa: ANN401  (EpochMetrics, which would import torch here)
    fields = asdict(event)
    selection = fields.pop("selection")
    fields.pop("epoch")
    return {**fields, **_scores("selection_", selection)}


def _scores(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    from seatbelt.records.tables import SCORES

    return {f"{prefix}{column.name}": values[column.name] for column in SCORES}


def _images(rows: tuple[tuple[str, Any], ...], counts: tuple[tuple[int, int, int], ...]) -> list[dict[str, Any]]:
    from seatbelt.training.fit import image_scores

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


def _fault(text: str, *, ends_process: bool, breaks_gpu: bool) -> Message:
    return {
        "kind": "ended",
        "outcome": "fault",
        "error": shown(text),
        "ends_process": ends_process,
        "breaks_gpu": breaks_gpu,
    }


def _error(text: str, *, final: bool) -> Message:
    # Here, because a worker's secrets are in its own environment.
    return {"kind": "ended", "outcome": "error", "error": shown(text), "final": final}
