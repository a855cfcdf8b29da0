"""A recorded trial as a model: finds the trial that a user names, and builds its network from the saved weights."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path

from analysis import load
from analysis.answers.ranking import best_trial
from analysis.reading.lookup import find_arm
from runners.core.history import History
from runners.core.trial_state import TrialState
from runners.sweep_files.code_version import package_versions
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded
from runners.sweep_files.trial_lookup import find_trial
from seatbelt.config.notation import classes_of
from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.dataset import read
from seatbelt.data.datasets.labels import BACKGROUND, labels_of
from seatbelt.errors import UserError
from seatbelt.inference.model import Model, load_networks
from seatbelt.inference.record import ModelLabel, ModelRecord, Training, TrainingData, Weights
from seatbelt.models.weights import licence_note, resolve
from seatbelt.records.tables import Status
from seatbelt.storage.base import Storage
from seatbelt.training.checkpoint import CheckpointFolder, Tensors

_MOST_KEYS = 5
_IMAGE_COUNTS = ("train_real", "train_synthetic", "validation_images", "selection_images", "test_images")


def choose_trial(history: History, name: str, root: str) -> TrialState:
    """Return the complete trial of a name: that of `find_trial`, or the best trial of an arm.

    Args:
        history: The sweep.
        name: `best`; a trial's number or the first digits of its key; an arm, as its levels or its key.
        root: The sweep, for messages.

    Raises:
        UserError: No complete trial fits.
    """
    try:
        view = find_trial(history, name, root)
    except UserError as error:
        view = _best_of_arm(history, name, root, error)
    if view.status is not Status.COMPLETE:
        raise UserError(
            f"trial [{view.plan.number}] {view.key} is {view.status}, but only complete trials have a model; "
            f"`seatbelt query {root} \"select number, trial_key from trials where status = 'COMPLETE'\"` names them"
        )
    return view


def _best_of_arm(history: History, name: str, root: str, error: UserError) -> TrialState:
    try:
        arm = find_arm(load(root).trials, name, lambda: best_trial(load(root))).arm_key
    except UserError as arm_error:
        # No arm has such a name at all: what the word is not is better said of trials.
        raise (error if "no arm is called" in str(arm_error) else UserError(f"{root}: {arm_error}")) from None
    trials = [view for view in history.by_number if view.plan.arm_key == arm]
    complete = [view for view in trials if view.status is Status.COMPLETE]
    return max(complete or trials, key=lambda view: view.best_score or 0.0)


def trained_model(
    folder: SweepFolder,
    views: Sequence[TrialState],
    device: str,
    *,
    last: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> Model:
    """Return the model of complete trials, which differ in their seed only.

    Args:
        folder: The sweep.
        views: The trials; the probabilities of several are averaged.
        device: Torch device.
        last: Take the weights of the last epoch instead of the best one.
        note: Called with what a user should know.

    Raises:
        UserError: The weights were not kept, are damaged, or do not fit.
    """
    description = folder.describe()
    tensors: Tensors = {}
    epochs = []
    for member, view in enumerate(views):
        storage = folder.checkpoints(view.key)
        state, epoch = _weights(folder, storage, view, last=last)
        tensors.update({f"{member}.{name}": tensor for name, tensor in state.items()})
        epochs.append(epoch)
    record = _record(folder, description, views, epochs, note)
    places = ", ".join(folder.checkpoints(view.key).location for view in views)
    return load_networks(record, tensors, device, place=places)


def member_tensors(model: Model) -> Tensors:
    """Return the tensors of all networks of a model, `<member>.<name>`, as a weights file holds them."""
    return {
        f"{member}.{name}": tensor.detach().cpu().contiguous()
        for member, network in enumerate(model.networks)
        for name, tensor in network.state_dict().items()
    }


def _weights(folder: SweepFolder, storage: Storage, view: TrialState, *, last: bool) -> tuple[Tensors, int]:
    if not storage.names():
        raise UserError(_missing_weights_text(folder, view.key))
    if not last:
        return CheckpointFolder(storage).best_weights(), view.best_epoch
    checkpoint = CheckpointFolder(storage).newest()
    if checkpoint is None or checkpoint.epoch != view.epochs_done:
        raise UserError(f"{storage.location}: no valid weights of epoch {view.epochs_done} are stored there")
    return checkpoint.weights, checkpoint.epoch


def _missing_weights_text(folder: SweepFolder, key: str) -> str:
    keys = sorted({name.split("/")[1] for name in folder.storage.names("checkpoints")})
    text = f"the weights of trial {key} are not kept in {folder.name} (--keep-weights)"
    if not keys:
        return f"{text}, nor any others; sweep again with --keep-weights best or top:N under another --name"
    more = ", ..." if len(keys) > _MOST_KEYS else ""
    return f"{text}; those that are: {', '.join(keys[:_MOST_KEYS])}{more}"


def _record(
    folder: SweepFolder,
    description: SweepDescription,
    views: Sequence[TrialState],
    epochs: list[int],
    note: Callable[[str], None],
) -> ModelRecord:
    with as_recorded(folder):
        configs = [TrialConfig.model_validate(view.plan.config) for view in views]
    config = configs[0]
    encoder, spec = config.model.encoder, config.model.weights
    initial = resolve(encoder, "none")
    labels, background = _class_numbers(description, config, note)
    name = spec if not spec.startswith("file:") else f"file:{spec.rpartition('/')[2].removeprefix('file:')}"
    return ModelRecord(
        members=len(views),
        architecture=config.model.model_copy(update={"weights": name}),
        labels=labels,
        background=background,
        mean=initial.mean,
        std=initial.std,
        height=config.data.height,
        width=config.data.width,
        tile=config.data.tile,
        training=Training(
            study=description.study,
            sweep=folder.name.rstrip("/").rpartition("/")[2],
            identity=description.identity,
            arm_key=views[0].plan.arm_key,
            trials=tuple(view.key for view in views),
            seeds=tuple(config.seed for config in configs),
            epochs=tuple(epochs),
            trained_on=description.trained_on,
            data=tuple(TrainingData(name=item.name, fingerprint=item.fingerprint) for item in description.data),
            images={
                name.replace("_images", "").replace("_", " "): int(views[0].facts[name])
                for name in _IMAGE_COUNTS
                if name in views[0].facts
            },
            configuration=config.model_dump(mode="json") | {"model": {**config.model.model_dump(), "weights": name}},
        ),
        scores={"selection_iou": views[0].best_score, "test_iou": (views[0].test or {}).get("iou")},
        weights=Weights(
            spec=name,
            sha256=description.weights.get(f"{encoder} {spec}"),
            licence=licence_note(encoder, name),
        ),
        versions=package_versions(),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        files={},
    )


def _label(name: str, numbers: dict[str, int]) -> ModelLabel:
    # A set that only selects or tests has the target alone.
    return ModelLabel(name=name, classes={item: numbers[item] for item in classes_of(name) if item in numbers})


def _class_numbers(
    description: SweepDescription, config: TrialConfig, note: Callable[[str], None]
) -> tuple[tuple[ModelLabel, ...], int]:
    """Return the labels with the class numbers of the data sets, and the number of the background."""
    names = labels_of(config.data)
    classes: dict[str, int] = {}
    try:
        for source in description.data:
            # The numbers of the first data set that has a class hold.
            classes = {**read(Path(source.path)).classes, **classes}
    except UserError as error:
        note(f"warning: class numbers of masks: background 0, then the labels from 1, because {error}")
        numbers = {name: number for number, name in enumerate((c for n in names for c in classes_of(n)), start=1)}
        return tuple(_label(name, numbers) for name in names), 0
    labels = tuple(_label(name, classes) for name in names)
    taken = {number for label in labels for number in label.classes.values()}
    return labels, classes.get(BACKGROUND, next(number for number in range(256) if number not in taken))
