"""Explains what a finished trial looks at: from its saved weights to panels and numbers."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from runners.core.trial_state import TrialState
from runners.models.explain_images import ChosenImage, choose, recorded_images
from runners.models.trained_model import choose_trial, trained_model
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded
from runners.sweep_files.trial_lookup import read_history
from runners.sweep_files.unchanged_inputs import check_data_unchanged
from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.dataset import decode
from seatbelt.data.datasets.labels import channel_codes, labels_of
from seatbelt.data.loading.decoded_cache import resize
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.errors import UserError
from seatbelt.explain.explanation import Explanation, Options, explain
from seatbelt.explain.occlusion import fill_colour
from seatbelt.explain.panel import panel
from seatbelt.explain.predictor import Predictor
from seatbelt.storage.base import LocalStorage
from seatbelt.training.device import Execution, choose_device, prepare

_FORMAT = 1

Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Shows the progress of a step under a label."""


@dataclass(frozen=True, kw_only=True)
class Explained:
    """One explained image of a trial."""

    trial: str
    """Description of the trial."""
    target: str
    """Name of the target class."""
    chosen: ChosenImage
    explanation: Explanation
    numbers: dict[str, Any]
    """Content of the JSON file."""
    panel: str
    """Path of the PNG file; the JSON file lies beside it."""


def explain_trial(  # noqa: PLR0913
    root: str, key: str, *, images: tuple[str, ...], out: Path | None, device: str | None, options: Options, bar: Bar
) -> list[Explained]:
    """Explain images of a finished trial, and write the panels and numbers.

    Args:
        root: The sweep.
        key: The trial; see `find_trial`.
        images: Paths in their data set; none for the best and the worst test image that shows the target.
        out: Folder for the files; None is `report/explain` of a sweep in a folder.
        device: Torch device; None is that of the sweep.
        options: Options of both explanations.
        bar: Shows the progress.

    Raises:
        UserError: No such sweep, trial or image; weights that were not saved; or data that changed.
    """
    folder = SweepFolder(root)
    description = folder.describe()
    storage = _place(folder, out)
    view = choose_trial(read_history(folder), key, folder.name)
    with as_recorded(folder):
        config = TrialConfig.model_validate(view.plan.config)
    predictor = _predictor(folder, view, config, choose_device(device or description.device), description.threads)
    data = _data(description)
    chosen = choose(images, recorded_images(root, view.key), data, data.partition(config), root=root, key=view.key)
    _check(options)
    if any(item.part == "test" for item in chosen):
        folder.note_test_read("explain")
    explained = []
    for item in chosen:
        image, codes = _pixels(data, item, config)
        with bar(f"removing squares of {item.image}") as progress, _memory(predictor.device):
            explanation = explain(predictor, image, codes, options, progress)
        explained.append(_write(storage, view, config, item, explanation, several=len(data.datasets) > 1))
    return explained


def _place(folder: SweepFolder, out: Path | None) -> LocalStorage:
    """Return the folder for the files."""
    if out is not None:
        return LocalStorage(out)
    if folder.remote:
        raise UserError(f"{folder.name} is a bucket, where no panels are written; give a folder by --out")
    place = folder.root / "report" / "explain"
    # The sweep of another user may link to files of ours.
    if not place.resolve().is_relative_to(folder.root.resolve()):
        raise UserError(f"{place} leads out of the sweep; give another folder by --out")
    folder.check_writable(place)
    return LocalStorage(place)


@contextmanager
def _memory(device: str) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"the memory of {device} is too small ({reason}); try --batch 1 or --device cpu") from None


def _predictor(folder: SweepFolder, view: TrialState, config: TrialConfig, device: str, threads: int) -> Predictor:
    prepare(Execution(device=device, threads=threads))
    model = trained_model(folder, [view], device)
    network = model.networks[0]
    if config.optimisation.channels_last:
        network = network.to(memory_format=torch.channels_last)
    return Predictor(
        network=network,
        mean=model.record.mean,
        std=model.record.std,
        device=device,
        bfloat16=config.optimisation.precision == "bfloat16",
        channels_last=config.optimisation.channels_last,
        tile=config.data.tile,
    )


def _data(description: SweepDescription) -> SweepData:
    check_data_unchanged(description)
    return SweepData.of(description)


def _check(options: Options) -> None:
    """Refuse an impossible fill before anything is recorded or computed."""
    fill_colour(options.fill, np.zeros((1, 1, 3), np.uint8))


def _pixels(data: SweepData, item: ChosenImage, config: TrialConfig) -> tuple[Any, Any]:
    """Return image and channel codes as in the trial's test, without decoding the whole data set."""
    dataset = data.datasets[item.sample[0]]
    image, mask = resize(*decode(dataset, dataset.rows[item.sample[1]]), config.data.height, config.data.width)
    return image, channel_codes(dataset.classes, labels_of(config.data))[mask]


def _write(
    storage: LocalStorage,
    view: TrialState,
    config: TrialConfig,
    item: ChosenImage,
    explanation: Explanation,
    *,
    several: bool,
) -> Explained:
    name = f"{view.key}-{_slug(f'{item.dataset}-{item.image}' if several else item.image)}"
    trial = f"{config.model.decoder} with {config.model.encoder}, trial [{view.plan.number}], epoch {view.best_epoch}"
    numbers = _numbers(view, item, explanation)
    storage.write(f"{name}.png", panel(explanation, f"{item.image} ({item.why})", trial))
    storage.write(f"{name}.json", json.dumps(numbers, indent=1, allow_nan=False).encode())
    place = os.fspath(storage.root / f"{name}.png")
    return Explained(
        trial=trial, target=config.data.target, chosen=item, explanation=explanation, numbers=numbers, panel=place
    )


def _slug(text: str) -> str:
    """Return the file name of an image's panel: `images/a b.png` is `a-b`."""
    plain = os.path.splitext(text.replace("images/", "", 1))[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-.") or "image"


def _numbers(view: TrialState, item: ChosenImage, explanation: Explanation) -> dict[str, Any]:
    height, width = explanation.target.shape
    return {
        "format": _FORMAT,
        "trial_key": view.key,
        "epoch": view.best_epoch,
        "dataset": item.dataset,
        "image": item.image,
        "part": item.part,
        "height": height,
        "width": width,
        "iou": explanation.iou,
        "recorded_iou": item.recorded.iou if item.recorded else None,
        "target": int(explanation.target.sum()),
        "predicted": int(explanation.predicted.sum()),
        "square": explanation.options.square,
        "fill": explanation.options.fill,
        "compare": explanation.options.compare,
        "near_radius": explanation.radius,
        "occlusion": {
            "shares": [asdict(share) for share in explanation.by_occlusion],
            "distances": explanation.distances.tolist(),
        },
        "guided_backpropagation": {"shares": [asdict(share) for share in explanation.by_gradient]},
    }
