"""Trains a recorded trial again and compares every epoch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable

from analysis import load
from runners.session.leg_task import stage_location
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded
from runners.sweep_files.trial_lookup import find_trial, read_history
from runners.worker.leg import run_leg
from runners.worker.messages import EpochReport, LegResult, LegTask
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.text.wording import counted

_COMPARED = ("train_loss", "validation_loss", "selection_loss", "selection_iou", "selection_iou_with_target")


def reproduce(root: str, key: str, *, epochs: int | None, dry_run: bool, say: Callable[[str], object]) -> int:
    """Train a trial again in this process; return 0 if every number is the same, else 1.

    Raises:
        UserError: There is no such trial, it has no epochs, or the leg failed.
    """
    folder = SweepFolder(root)
    folder.describe()
    history = read_history(folder)
    view = find_trial(history, key, root)
    with as_recorded(folder):
        config = TrialConfig.model_validate(view.plan.config)
    say(f"trial {view.name} ({view.key}), seed {config.seed}")
    say(config.model_dump_json(indent=1))
    if dry_run:
        return 0
    if not view.epochs_done:
        raise UserError(f"trial {view.name} has no recorded epoch to compare with")
    last = min(epochs or view.epochs_done, view.epochs_done)
    epochs_table = load(root).epochs
    rows = epochs_table[epochs_table["trial_key"] == view.key]
    recorded = {row["epoch"]: row for row in rows.to_dict(orient="records")}
    differing = 0
    with tempfile.TemporaryDirectory(prefix="seatbelt-") as scratch:
        task = LegTask(
            trial_key=view.key,
            attempt=1,
            config=config,
            recorded_epochs=0,
            stop=last,
            sweep=folder.location,
            checkpoints=os.path.join(scratch, view.key),
            full_epochs=config.epochs,
            stage=stage_location(view, history, folder),
            micro_batch=view.facts.get("micro_batch"),
        )
        for message in run_leg(task):
            if isinstance(message, LegResult) and message.error:
                raise UserError(f"trial {view.name} cannot be trained here: {message.error}")
            if not isinstance(message, EpochReport):
                continue
            was = recorded.get(message.epoch)
            if was is None:
                raise UserError(f"epoch {message.epoch} is not in {root}/epochs yet; `seatbelt resume {root}`")
            wrong = [name for name in _COMPARED if not _same(message.metrics[name], was[name])]
            differing += bool(wrong)
            now = message.metrics["selection_iou"]
            verdict = f"differs in {', '.join(wrong)}" if wrong else "identical"
            say(f"epoch {message.epoch}: selection IoU {now:.6f}, recorded {was['selection_iou']:.6f}: {verdict}")
    say(
        f"{counted(differing, 'epoch')} with other numbers (other versions, threads, device?)"
        if differing
        else "every number is the same"
    )
    return 1 if differing else 0


def _same(now: float | None, was: float | None) -> bool:
    # Pandas turns null into NaN.
    missing = was is None or was != was
    return missing if now is None else now == was
