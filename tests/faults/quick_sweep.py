"""A sweep whose trainings are arithmetic, and whose files are real: ledger, tables, checkpoints, stages, cache.

Two arms begin with one pretraining stage, which goes to a store that sweeps share. It takes some tenths of a second, so
that it can be killed or disturbed at each of its file operations.
"""

from __future__ import annotations

import json
import os
import shutil
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from runners.core.plan import Limits
from runners.engines import in_process
from runners.session.driver import Driver
from runners.session.progress import Progress
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.stage_store import StageStore
from runners.worker import leg
from runners.worker.messages import EpochReport, LegFacts, LegMessage, LegTask
from seatbelt.data.datasets.dataset import fingerprint, read
from seatbelt.data.loading.decoded_cache import open_decoded
from seatbelt.errors import UserError
from seatbelt.training.checkpoint import Checkpoint, CheckpointFolder
from tests.conftest import draw_data
from tests.faults.kills import Report, compare_tables, examine_journal
from tests.faults.operations import EXIT_CODE, Kind, Operations, watched
from tests.runners.conftest import describe, ended_message, epoch_message

EPOCHS = 3


class Place:
    """The folders of one sweep: its own, the shared stages, and the cache."""

    def __init__(self, root: Path, data: Path) -> None:
        self.root, self.data = root, data
        self.folder = SweepFolder(root / "sweep")
        self.stages, self.cache = root / "stages", root / "cache"

    @property
    def below(self) -> tuple[Path, ...]:
        return (self.folder.root, self.stages, self.cache)


def make_data(root: Path) -> Path:
    """Draw the data set that legs decode."""
    return draw_data(root, "none", subjects=2, images=1, test_subjects=1, generations={}, height=32, width=32)


def description() -> SweepDescription:
    """Two arms, a stage, and weights of the best arm only."""
    sweep = describe(encoders=1, decoders=2, epochs=EPOCHS)
    base = sweep.base.with_fields({"pretraining.generations": ("1",), "pretraining.epochs": EPOCHS})
    return sweep.model_copy(update={"base": base, "keep_weights": "top:1"})


def run(place: Place, observe: Callable[[Driver], None] = lambda driver: None) -> None:
    """Begin the sweep, or go on with it, to its end."""
    os.environ["SEATBELT_CACHE"] = str(place.cache)
    folder, trained = place.folder, leg._fit
    leg._fit = lambda spec: _train(spec, place.data)  # type: ignore[assignment]
    try:
        if not folder.exists():
            folder.create(description())
        store = StageStore(place.stages)
        with Driver.open(folder, folder.describe(), Limits(), Progress(quiet=True), stages=store) as driver:
            observe(driver)
            in_process.run(driver)
    finally:
        leg._fit = trained


def _train(spec: LegTask, data: Path) -> Iterator[LegMessage]:
    """Train by arithmetic: scores follow from the trial and the epoch, checkpoints are real."""
    try:
        dataset = read(data)
        open_decoded(dataset, fingerprint(dataset), height=32, width=32, threads=1)
    except UserError as error:
        raise leg._MachineError(str(error)) from None
    folder = CheckpointFolder(spec.checkpoints)
    checkpoint = folder.newest()
    log = list(checkpoint.log) if checkpoint else []
    if checkpoint is None and spec.stage:
        assert CheckpointFolder(spec.stage).best_weights()
    yield LegFacts(facts={"from_epoch": len(log), "parameters": 1, "device": "cpu", "threads": 1})
    yield from (EpochReport(**entry) for entry in log if entry["epoch"] > spec.recorded_epochs)
    quality = int(spec.trial_key[:6], 16) / 16**6
    for epoch in range(len(log) + 1, spec.stop + 1):
        message = epoch_message(epoch, quality * epoch / 10)
        log.append(message.model_dump())
        weights = {"w": torch.tensor([float(epoch)])}
        state = Checkpoint(epoch=epoch, weights=weights, optimizer=weights, trainer={}, log=log)
        folder.save(state, (epoch, weights), final=epoch == spec.stop)
        yield message
    assert folder.best_weights()["w"].item() == spec.stop
    yield ended_message("complete", spec.stop)


def in_child(place: Place, operations: Operations | None = None) -> tuple[int, str]:
    """Run the sweep in a forked process; return its exit code and its output.

    Exit code 0 is an end, 1 an error of a disk or of the user in one line, 3 anything else.
    """
    output = place.root.with_suffix(".txt")
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return code, output.read_text()
    handle = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    code = 3
    try:
        torch.set_num_threads(1)
        in_process.Pauses.after = lambda self, message: None  # type: ignore[attr-defined, method-assign]
        with watched(operations or Operations(below=())):
            run(place)
        code = 0
    except (OSError, UserError) as error:
        os.write(handle, f"error: {error}".encode())
        code = 1
    except BaseException:
        os.write(handle, traceback.format_exc().encode())
    finally:
        os._exit(code)


def undisturbed(root: Path) -> tuple[Place, list[tuple[str, str]]]:
    """Run the sweep once, and return it with every operation that it did."""
    place = Place(root / "undisturbed", make_data(root / "data"))
    operations = Operations(below=place.below)
    listing = root / "operations.json"
    child = os.fork()
    if child == 0:
        try:
            torch.set_num_threads(1)
            with watched(operations):
                run(place)
            listing.write_text(json.dumps(operations.done))
            os._exit(0)
        finally:
            os._exit(3)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 0, "the undisturbed sweep failed"
    return place, [tuple(entry) for entry in json.loads(listing.read_text())]


def disturbed(root: Path, sound: Place, number: int, kind: Kind) -> str | None:
    """Let one operation of a sweep go wrong and run the sweep again; return what differs then, None if nothing does."""
    place = Place(root / f"{kind}-{number}".replace("/", ""), sound.data)
    code, said = in_child(place, Operations(below=place.below, at=number, kind=kind))
    if code not in (0, 1, EXIT_CODE):
        return f"the first run ended with {code}: {said}"
    code, said = in_child(place)
    if code != 0:
        return f"the second run ended with {code}: {said}"
    wrong = examine(sound, place)
    if wrong is None:
        shutil.rmtree(place.root)
    return wrong


def examine(sound: Place, place: Place) -> str | None:
    """Compare a sweep with the undisturbed one."""
    report = Report()
    examine_journal(place.folder, report)
    compare_tables(sound.folder, place.folder, report)
    if report.duplicates:
        return f"{report.duplicates} epochs are recorded twice"
    if report.differences:
        return "; ".join(report.differences)
    for key in sorted(path.name for path in (sound.folder.root / "checkpoints").iterdir()):
        checkpoints = CheckpointFolder(place.folder.checkpoints(key))
        try:
            if checkpoints.best_weights()["w"].item() != EPOCHS:
                return f"the weights of {key} are not those of its best epoch"
        except UserError as error:
            return f"weights lost: {error}"
    return None
