"""The last training: an arm on everything that the search held out, as a small sweep of its own, and its model."""

from __future__ import annotations

import datetime
import os
import secrets
import shlex
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from analysis import load
from analysis.answers.arm_scores import ArmScores, arm_scores
from analysis.answers.ranking import best_trial
from analysis.reading.lookup import find_arm
from analysis.statistics.intervals import Interval, over_subjects
from runners.commands.prepare import PreparedSession, check_unchanged
from runners.commands.run import run_session
from runners.core.plan import Limits
from runners.core.trial_state import TrialState
from runners.models.card_scores import confirmation_sentence
from runners.models.images_at_hand import images_for_model
from runners.models.model_folder import ModelRequest, write_checked
from runners.models.trained_model import trained_model
from runners.session.options import RunOptions
from runners.session.previous import repeat_options
from runners.sweep_files.code_version import code_hashes, package_versions
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded
from runners.sweep_files.trial_lookup import read_history
from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.dataset import IGNORE
from seatbelt.data.loading.loader import Samples
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.errors import UserError
from seatbelt.inference.card import CardScores
from seatbelt.inference.export import mask_iou, refuse_tiles
from seatbelt.inference.folder import check_place
from seatbelt.inference.model import Model
from seatbelt.records.tables import Status
from seatbelt.text.redaction import redact
from seatbelt.text.wording import counted

TRAINING = "training"
"""Folder of the training below the output folder."""


@dataclass(frozen=True, kw_only=True)
class FinalRequest:
    """What to train, and what to write."""

    sweep: str
    arm: str
    model: ModelRequest
    """The model folder; with several seeds and no ensemble, each has a folder of its own in it."""
    training: str | None = None
    """Folder or bucket of the training, which every node reaches; None for `training` in the output folder."""
    with_test: bool = False
    """Train on the test images too."""
    epochs: int | None = None
    """Epochs; None for the median of the best epochs of the arm's trials."""
    seeds: int = 1
    ensemble: bool = False
    """Average the probabilities of all seeds in one model."""


@dataclass(frozen=True, kw_only=True)
class FinalTraining:
    """A prepared last training."""

    session: PreparedSession
    scores: ArmScores
    """What the search says of the arm."""
    notes: tuple[str, ...]
    """What a user should know before it starts."""


def prepare_final(request: FinalRequest, run: RunOptions) -> FinalTraining:
    """Check a last training; nothing is written yet.

    Raises:
        UserError: The sweep or the arm does not exist, its data changed, or the places hold something else.
    """
    if request.ensemble and request.seeds < 2:
        raise UserError("--ensemble averages several seeds; give --seeds 2 or more")
    check_place(request.model.out, allowed=(TRAINING, *_seed_folders(request.seeds)), force=request.model.force)
    source = SweepFolder(request.sweep)
    description = source.describe()
    if description.trained_on != "training":
        raise UserError(f"{request.sweep} is a final training already; name the sweep that it comes from")
    history = read_history(source)
    tables = load(request.sweep)
    key = find_arm(tables.trials, request.arm, lambda: best_trial(tables)).arm_key
    trials = [view for view in history.by_number if view.plan.arm_key == key]
    with as_recorded(source):
        config = TrialConfig.model_validate(trials[0].plan.config)
    refuse_tiles(request.model.graphs, config.data.tile)
    epochs, why = (request.epochs, "--epochs") if request.epochs else _median_epochs(trials, request.sweep)
    requested = _description(description, config, epochs, everything=request.with_test)
    folder = SweepFolder(request.training or os.fspath(request.model.out / TRAINING))
    existing = folder.describe() if folder.exists() else None
    if existing is not None:
        differences = existing.differences(requested)
        if differences:
            raise UserError(
                f"{folder.name} holds another training ({'; '.join(differences)}); name another --out, or remove it"
            )
        requested, run = existing.relocated(requested), repeat_options(folder, run)
    check_unchanged(requested, run)
    session = PreparedSession(
        folder=folder,
        description=requested,
        limits=Limits(replicates=request.seeds),
        run=run,
        existing=existing,
    )
    return FinalTraining(
        session=session,
        scores=arm_scores(tables, key),
        notes=(
            f"arm {key}: {' '.join(trials[0].plan.cell.values())}",
            f"{counted(epochs, 'epoch')} ({why}), {counted(request.seeds, 'seed')}",
            *_image_notes(requested, config),
            "the scores that follow are of images that train: they say nothing of new ones",
        ),
    )


def run_final(training: FinalTraining, request: FinalRequest, say: Callable[[str], None]) -> int:
    """Train, and write the model; return the exit code.

    A session that is interrupted continues with the same command.

    Raises:
        UserError: A seed failed, or a graph differs from the model.
    """
    session = training.session
    repeat = redact(shlex.join(["seatbelt", *sys.argv[1:]]))
    code = run_session(session, repeat=repeat)
    history = read_history(session.folder)
    trials = [view for view in history.by_number if view.role == "arm"][: request.seeds]
    failed = [view for view in trials if view.status in (Status.FAILED, Status.DIVERGED, Status.OUT_OF_MEMORY)]
    if failed:
        raise UserError(
            f"seed {failed[0].plan.replicate} ended {failed[0].status}: {failed[0].error}; `seatbelt resume "
            f"{session.folder.name} --retry {failed[0].status.lower().replace('_', '-')}` tries it again"
        )
    if code or len(trials) < request.seeds or any(view.status is not Status.COMPLETE for view in trials):
        return code
    if request.ensemble or request.seeds == 1:
        _write(training, request, trials, request.model.out, say)
    else:
        for name, view in zip(_seed_folders(request.seeds), trials, strict=True):
            _write(training, request, [view], request.model.out / name, say)
    return 0


def _write(
    training: FinalTraining,
    request: FinalRequest,
    trials: list[TrialState],
    out: Path,
    say: Callable[[str], None],
) -> None:
    folder = training.session.folder
    description = folder.describe()
    model = trained_model(folder, trials, "cpu", last=True, note=say)
    tested = None if request.with_test else _test_score(folder, description, trials[0], model)
    measured = {"selection_iou": None, "test_iou": None if tested is None else tested.mean}
    model.record = model.record.model_copy(update={"scores": measured})
    images = images_for_model(folder, description, trials[0], required=bool(request.model.graphs), say=say)
    command = f"seatbelt final {request.sweep} {request.arm} --out DIR"
    scores = _card_scores(training, request, tested)
    write_checked(model, scores, images, replace(request.model, out=out), command=command, say=say)


def _card_scores(training: FinalTraining, request: FinalRequest, tested: Interval | None) -> CardScores:
    scores = training.scores
    selection = "" if scores.selection is None else f"The arm in the search: selection IoU {scores.selection.text()}"
    selection += "" if scores.test is None or not selection else f", test IoU {scores.test.text()}"
    if tested is not None:
        test = (
            f"Test IoU {tested.text()} of this model, over {counted(tested.n, 'subject')}: these images took no part."
        )
    elif request.with_test:
        test = "The test images trained it too, so that no test score of it exists."
    else:
        test = "There were no test images."
    return CardScores(
        selection=f"{selection} (95 % intervals)." if selection else "",
        test=test,
        confirmation=confirmation_sentence(scores, request.sweep),
        honest=False,
    )


def _test_score(folder: SweepFolder, description: SweepDescription, view: TrialState, model: Model) -> Interval | None:
    """Return the mean IoU over the test images at the training size, with its interval over subjects."""
    with as_recorded(folder):
        config = TrialConfig.model_validate(view.plan.config)
    samples = SweepData.of(description).samples(config)
    if not len(samples.test):
        return None
    folder.note_test_read("final")
    ious = [_iou(model, samples.test, position) for position in range(len(samples.test))]
    subjects = [row.subject or f"{dataset}/{row.image}" for dataset, row in samples.test_rows]
    return over_subjects(np.asarray([ious]), subjects)


def _iou(model: Model, samples: Samples, position: int) -> float:
    image, codes = samples.read(position)
    valid = codes != IGNORE
    return mask_iou(model.predict(np.array(image)).mask & valid, (codes == 1) & valid)


def _description(search: SweepDescription, config: TrialConfig, epochs: int, *, everything: bool) -> SweepDescription:
    """Return the description of the training: one arm, no pruning, the weights of the last epoch."""
    # An epoch that does not improve on images that train must not end the training.
    patience = max(config.optimisation.early_stopping_patience, epochs)
    base = config.with_fields(
        {"epochs": epochs, "seed": search.base.seed, "optimisation.early_stopping_patience": patience}
    )
    weights = f"{config.model.encoder} {config.model.weights}"
    described = search.model_copy(
        update={
            "identity": secrets.token_hex(8),
            "study": "final",
            "question": f"The last training of an arm of the study {search.study}",
            "base": base,
            "factors": (),
            "exclusions": (),
            "arms": {},
            "design": "full",
            "baseline": {},
            "propose": "exhaustive",
            "prune": "none",
            "rungs": (epochs,),
            "weights": {weights: search.weights[weights]},
            "keep_weights": "last",
            "trained_on": "everything" if everything else "selection",
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "command": redact(shlex.join(["seatbelt", *map(redact, sys.argv[1:])])),
            "versions": package_versions(),
            "code": code_hashes(),
        }
    )
    return SweepDescription.model_validate_json(described.model_dump_json())


def _median_epochs(trials: list[TrialState], root: str) -> tuple[int, str]:
    """Return the median of the best epochs of an arm's complete trials, and how it came about."""
    epochs = [view.best_epoch for view in trials if view.status is Status.COMPLETE]
    if not epochs:
        raise UserError(
            f"no trial of this arm of {root} is complete, so that its curves do not say how long to train; give "
            "--epochs"
        )
    return int(statistics.median(epochs) + 0.5), f"the median of the best epochs {', '.join(map(str, sorted(epochs)))}"


def _image_notes(description: SweepDescription, config: TrialConfig) -> list[str]:
    data = SweepData.of(description)
    now = data.partition(config).train
    usual = SweepData(
        description.data, description.selection, subjects_per_data_set=description.subjects_per_data_set
    ).partition(config)
    notes = [f"{len(now)} images train, {len(usual.train)} did in the search"]
    if not config.data.real and description.select_on == "real":
        notes.append("this arm trains on synthetic images only, so that no real image is added")
    return notes


def _seed_folders(seeds: int) -> tuple[str, ...]:
    return tuple(f"seed-{number}" for number in range(seeds)) if seeds > 1 else ()
