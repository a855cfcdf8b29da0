"""Predicts images with a model folder, an ONNX file or the best trial of a sweep.

Threads read and write images while the network runs, at most a few batches ahead, so that memory does not grow with
the number of images.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from analysis.statistics.intervals import Interval, over_subjects
from runners.models.predict_inputs import InputImage, Inputs, find_inputs
from runners.models.predict_results import TABLE, ResultFolder, Row
from runners.models.trained_model import choose_trial, trained_model
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.trial_lookup import read_history
from seatbelt.data.datasets.dataset import IGNORE, fingerprint
from seatbelt.data.datasets.images import UnusableImageError, describe_mismatch, open_mask, read_picture
from seatbelt.errors import UserError
from seatbelt.inference.export import mask_iou
from seatbelt.inference.model import load_model
from seatbelt.inference.onnx_model import OnnxModel
from seatbelt.inference.prediction import Image, Prediction, Predictor
from seatbelt.inference.record import RECORD, ModelRecord
from seatbelt.records.identity import content_hash
from seatbelt.storage.base import is_remote
from seatbelt.text.wording import counted
from seatbelt.training.device import Execution, choose_device, prepare

BATCH = 16

_BATCHES_AHEAD = 3
"""Batches of images in memory: one is read, one is predicted, one is written."""


@dataclass(frozen=True, kw_only=True)
class PredictRequest:
    """What to predict, and how."""

    model: str
    """A model folder, an ONNX file of `seatbelt model`, or a sweep."""
    places: tuple[str, ...]
    """Image files, folders, patterns and native data sets."""
    out: Path
    trial: str = "best"
    """Trial or arm of a sweep."""
    overlays: bool = False
    masks: Path | None = None
    split: str | None = None
    bits: int | None = None
    """Bits per channel in use of images of more than 8."""
    device: str = "auto"
    batch: int = BATCH
    force: bool = False


@dataclass(kw_only=True)
class Outcome:
    """What became of a run."""

    rows: list[tuple[InputImage, Row]] = field(default_factory=list)
    """The predicted images, those of earlier runs included, in the order of the input."""
    earlier: int = 0
    """How many of them an earlier run had predicted."""
    failures: list[str] = field(default_factory=list)
    """Why an image was left out."""
    changes: Counter[str] = field(default_factory=Counter)
    """How pixels differ from their files -> number of images."""
    score: Interval | None = None
    """Mean IoU over the images with an annotation."""
    warnings: list[str] = field(default_factory=list)


def predict(request: PredictRequest, progress: Callable[[int, int], None] = lambda done, total: None) -> Outcome:
    """Predict images and write masks, overlays and a table.

    A second run with the same model and folder continues where the first one ended.

    Raises:
        UserError: The model, a place or the output folder cannot be used. A damaged image is no error.
    """
    inputs = find_inputs(request.places, out=request.out, masks=request.masks, split=request.split)
    predictor = open_predictor(request.model, request.trial, request.device)
    record = predictor.record
    outcome = Outcome(warnings=_check_datasets(inputs, record))
    results = ResultFolder(request.out, model=_identity(record), overlays=request.overlays, force=request.force)
    done = {name.removeprefix("masks/").removesuffix(".png"): row for name, row in results.done.items()}
    scored = {name for name, row in done.items() if row.iou is not None}
    todo = [image for image in inputs.images if image.name not in (scored if image.mask else done)]
    unfinished = {image.name for image in todo}
    rows = {image.name: done[image.name] for image in inputs.images if image.name not in unfinished}
    outcome.earlier = len(rows)
    try:
        for count, item in enumerate(_run(predictor, todo, results, request), start=1 + outcome.earlier):
            if isinstance(item, str):
                outcome.failures.append(item)
            else:
                image, row, changes = item
                rows[image.name] = row
                outcome.changes.update(changes)
            progress(count, len(inputs.images))
    except torch.OutOfMemoryError as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"the memory of {request.device} is too small ({reason}); try --batch 1 or --device cpu"
        ) from None
    finally:
        results.close()
    outcome.rows = [(image, rows[image.name]) for image in inputs.images if image.name in rows]
    outcome.score = _mean_iou(outcome.rows)
    return outcome


def open_predictor(place: str, trial: str, device: str) -> Predictor:
    """Return the model of a folder, of an ONNX file, or of a sweep.

    Raises:
        UserError: There is no model.
    """
    path = Path(place)
    if not is_remote(place) and path.suffix.lower() == ".onnx":
        return OnnxModel(path)
    chosen = choose_device(device)
    prepare(Execution(device=chosen, threads=len(os.sched_getaffinity(0))))
    if not is_remote(place) and ((path / RECORD).exists() or not path.exists()):
        return load_model(path, chosen)
    folder = SweepFolder(place)
    if not folder.exists():
        raise UserError(
            f"{place} is no model and no sweep: it has neither {RECORD} nor sweep.json; `seatbelt model SWEEP --out "
            "DIR` makes a model folder"
        )
    folder.describe()
    return trained_model(folder, [choose_trial(read_history(folder), trial, place)], chosen)


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    image: InputImage
    pixels: Image
    prepared: Image
    target: NDArray[np.bool_] | None
    """The annotation of the target."""
    valid: NDArray[np.bool_] | None
    """The pixels that count."""
    changes: tuple[str, ...]


Written = tuple[InputImage, Row, tuple[str, ...]]


def _run(
    predictor: Predictor, images: Sequence[InputImage], results: ResultFolder, request: PredictRequest
) -> Iterator[Written | str]:
    """Predict images; yields for each what was written, or why it was left out."""
    size = request.batch

    def load(image: InputImage) -> _Loaded | str:
        return _load(predictor, image, request.bits)

    def write(loaded: _Loaded, output: Any) -> Written:  # noqa: ANN401  (of the model's `forward`)
        prediction = predictor.finish(output, loaded.pixels.shape[:2])
        return (
            loaded.image,
            results.write(loaded.image, loaded.pixels, prediction, _iou(loaded, prediction)),
            loaded.changes,
        )

    batches = [images[start : start + size] for start in range(0, len(images), size)]
    with ThreadPoolExecutor(max_workers=max(2, len(os.sched_getaffinity(0)))) as pool:
        reading: deque[list[Future[_Loaded | str]]] = deque()
        writing: deque[list[Future[Written]]] = deque()
        for position in range(len(batches) + _BATCHES_AHEAD):
            if position < len(batches):
                reading.append([pool.submit(load, image) for image in batches[position]])
            if len(reading) == _BATCHES_AHEAD - 1 or (position >= len(batches) and reading):
                loaded = [future.result() for future in reading.popleft()]
                yield from (item for item in loaded if isinstance(item, str))
                usable = [item for item in loaded if not isinstance(item, str)]
                outputs = predictor.forward([item.prepared for item in usable]) if usable else []
                pairs = zip(usable, outputs, strict=True)
                writing.append([pool.submit(write, item, output) for item, output in pairs])
            while len(writing) > 1 or (writing and not reading and position >= len(batches)):
                written = [future.result() for future in writing.popleft()]
                results.enter([row for _, row, _ in written])
                yield from written


def _load(predictor: Predictor, image: InputImage, bits: int | None) -> _Loaded | str:
    """Read an image and its annotation; return why it cannot be used if so."""
    try:
        picture = read_picture(image.path, bits=bits)
    except UnusableImageError as error:
        return f"{image.path}: {error.what}"
    target = valid = None
    if image.mask is not None:
        try:
            mask = open_mask(image.mask)
        except UnusableImageError as error:
            return f"{image.mask}: {error.what}"
        if mask.shape != picture.pixels.shape[:2]:
            return f"{image.mask}: {describe_mismatch(picture, mask.shape)}"
        classes = predictor.record.target.classes
        numbers = classes if image.numbers is None else image.numbers
        target, valid = np.isin(mask, [numbers[name] for name in classes if name in numbers]), mask != IGNORE
        if set(np.unique(mask)) == {0, IGNORE} and image.numbers is None:
            name, number = predictor.record.target.name, predictor.record.target.number
            return (
                f"{image.mask}: it holds 0 and 255 only, and 255 means `not annotated`; {name} has the number {number}"
            )
    return _Loaded(
        image=image,
        pixels=picture.pixels,
        prepared=predictor.prepare(picture.pixels),
        target=target,
        valid=valid,
        changes=picture.changes,
    )


def _iou(loaded: _Loaded, prediction: Prediction) -> float | None:
    if loaded.target is None or loaded.valid is None:
        return None
    return mask_iou(prediction.mask & loaded.valid, loaded.target & loaded.valid)


def _mean_iou(rows: Sequence[tuple[InputImage, Row]]) -> Interval | None:
    scored = [(image, row.iou) for image, row in rows if row.iou is not None]
    if not scored:
        return None
    subjects = [image.subject or os.fspath(image.path) for image, _ in scored]
    return over_subjects(np.asarray([[iou for _, iou in scored]]), subjects)


def _check_datasets(inputs: Inputs, record: ModelRecord) -> list[str]:
    """Return warnings of data sets that trained the model.

    Raises:
        UserError: A data set lacks the target.
    """
    trained = {data.fingerprint for data in record.training.data}
    warnings = []
    for dataset in inputs.datasets:
        if fingerprint(dataset) in trained:
            warnings.append(
                f"data set {dataset.name} trained this model: only its test images say how good it is (--split test)"
            )
        if not any(name in dataset.classes for name in record.target.classes):
            raise UserError(
                f"data set {dataset.root} has no class {record.target.name}, which the model predicts "
                f"(it has: {', '.join(dataset.classes)})"
            )
    return warnings


def _identity(record: ModelRecord) -> str:
    """Return what identifies a model: the weights of its trials, in whatever form it comes."""
    fields = {"training", "members", "threshold"}
    return content_hash(record.model_dump(mode="json", include=fields))[:16]


def outcome_lines(outcome: Outcome, request: PredictRequest, most: int = 20) -> list[str]:
    """Return what a user should know of a run."""
    lines = [f"warning: {text}" for text in outcome.warnings]
    lines += [f"note: {counted(count, 'image')}: {change}" for change, count in sorted(outcome.changes.items())]
    lines += [f"warning: left out: {failure}" for failure in outcome.failures]
    scored = [(image, row.iou) for image, row in outcome.rows if row.iou is not None]
    lines += [f"IoU {iou:.3f}  {image.name}" for image, iou in scored[:most]]
    if len(scored) > most:
        lines.append(f"... {len(scored) - most} more in {request.out}/{TABLE}")
    if outcome.score is not None:
        units = "subjects" if any(image.subject for image, _ in outcome.rows) else "images"
        lines.append(
            f"mean IoU {outcome.score.text()}, 95 % interval over {outcome.score.n} {units}, at the size of the images"
        )
    earlier = f", {outcome.earlier} of them by an earlier run" if outcome.earlier else ""
    done = f"{counted(len(outcome.rows), 'image')} predicted{earlier}"
    lines.append(f"{done}: {request.out}/{TABLE}, masks in {request.out}/masks")
    if outcome.failures:
        lines.append(f"{counted(len(outcome.failures), 'image')} left out, see above")
    return lines
