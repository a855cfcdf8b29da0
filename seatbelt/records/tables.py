"""The records of a sweep: statuses, tables and their columns, as data.

A table is a literal list of columns; `seatbelt.records.arrow` turns it into an Arrow schema. All Parquet files of a
folder have exactly this schema, so that every reader sees one table.
"""

from __future__ import annotations

from enum import StrEnum

from seatbelt.records.columns import Column
from seatbelt.records.configuration import CONFIGURATION

SCHEMA_VERSION = 1

SWEEP_METADATA = "seatbelt_sweep"
"""Key in the metadata of a table file: the identity of its sweep."""


class Status(StrEnum):
    """The status of a trial."""

    PLANNED = "PLANNED"
    """Proposed; its first leg has not begun."""
    RUNNING = "RUNNING"
    """A worker runs a leg of it."""
    PAUSED = "PAUSED"
    """Stopped at a rung, with a checkpoint; it may be promoted."""
    PRUNED = "PRUNED"
    """Paused when the sweep ended: not among the best of its rung."""
    COMPLETE = "COMPLETE"
    """Trained to its end (full epochs or early stopping) and tested."""
    FAILED = "FAILED"
    """Failed after all retries."""
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    """It does not fit into the memory of its device: a result, not a fault."""
    DIVERGED = "DIVERGED"
    """Its loss became NaN or infinite."""
    INTERRUPTED = "INTERRUPTED"
    """Its leg ended early (a stop, a lost worker); it continues from its checkpoint."""


FINAL = frozenset({Status.COMPLETE, Status.FAILED, Status.OUT_OF_MEMORY, Status.DIVERGED})
"""Statuses that later legs do not change."""

WITHOUT_RESULT = FINAL - {Status.COMPLETE}
"""Final statuses of trials without a result."""


SCORES = [
    Column("iou", "float64", "mean over images of the IoU; empty on empty = 1"),
    Column("iou_with_target", "float64", "the same over images that show the target"),
    Column("iou_without_target", "float64", "the same over images that do not"),
    Column("iou_pooled", "float64", "IoU of all pixels pooled"),
    Column("dice", "float64", "mean over images of Dice; empty on empty = 1"),
    Column("iou_boundary", "float64", "mean over images that show the target of the IoU of the boundaries"),
]
"""Scores of one model on one set of images; in tables the name of the set is a prefix."""


IMAGE_COUNTS = [
    Column("train_real", "int64", "real images trained on in an epoch"),
    Column("train_synthetic", "int64", "synthetic images trained on in an epoch, each as often as it comes"),
    Column("validation_images", "int64", "images of the trial's own validation part"),
    Column("selection_images", "int64", "images of the sweep's selection set"),
    Column("test_images", "int64", "images of the test set"),
]
"""Numbers of images in the parts of a trial."""


def _scores(prefix: str, when: str) -> list[Column]:
    return [Column(f"{prefix}_{item.name}", item.type, f"{item.meaning}; {when}") for item in SCORES]


TRIALS = [
    Column("trial_key", "string", "identity of the trial"),
    Column("arm_key", "string", "identity of the trial without its seed"),
    Column("number", "int64", "order of planning, from 0"),
    Column("study", "string", "study of the sweep"),
    Column("cell", "string", "levels of the factors, JSON"),
    Column("replicate", "int64", "replicate of the arm, from 0"),
    Column("status", "string", "one of seatbelt.records.tables.Status"),
    Column("exempt", "bool", "never pruned"),
    Column("proposed_by", "string", "strategy that proposed it"),
    Column("role", "string", "arm of the search, stage, confirmation, or copied from another sweep"),
    Column("stage_key", "string", "pretraining that it begins with; null for none"),
    Column("stage_reused", "bool", "the pretraining was made for another trial or sweep"),
    Column("stage_seconds", "float64", "seconds of training of its pretraining: saved where reused"),
    Column("epochs_done", "int64", "epochs whose numbers are recorded"),
    Column("epochs_planned", "int64", "full epochs"),
    Column("attempts", "int64", "legs that were started"),
    Column("failures", "int64", "legs that ended by an error of the trial"),
    Column("machine_faults", "int64", "legs that ended by a lost worker or a fault of its machine"),
    Column("error", "string", "the last error"),
    Column("best_epoch", "int64", "epoch of the best selection IoU"),
    *_scores("selection", "selection set, best epoch"),
    *_scores("test", "test set, weights of the best epoch; null until complete"),
    Column("epochs_to_90", "int64", "first epoch with 90 % of its best selection IoU"),
    Column("train_seconds", "float64", "seconds of training steps, summed over epochs"),
    Column("seconds", "float64", "seconds of epochs with evaluation, summed"),
    *IMAGE_COUNTS,
    Column("parameters", "int64", "trainable parameters"),
    Column("micro_batch", "int64", "images per backward pass; below batch_size where memory was short"),
    Column("planned_at", "timestamp", "when it was proposed, UTC"),
    Column("ended_at", "timestamp", "when it reached its present status, UTC"),
    *CONFIGURATION,
    Column("weights_sha256", "string", "hash of the initial encoder weights"),
    Column("data_fingerprint", "string", "hash of the data sets' content"),
    Column("device", "string", "device of the last leg"),
    Column("threads", "int64", "threads of the last leg"),
    Column("host", "string", "host of the last leg"),
    Column("versions", "string", "package versions, JSON"),
    Column("git_commit", "string", "commit of the code, if it ran from a checkout"),
]

EPOCHS = [
    Column("trial_key", "string", "identity of the trial"),
    Column("epoch", "int64", "epoch, from 1"),
    Column("train_loss", "float64", "mean training loss"),
    Column("validation_loss", "float64", "loss on the trial's own validation part"),
    Column("validation_iou", "float64", "IoU on it"),
    Column("selection_loss", "float64", "loss on the sweep's selection set"),
    *_scores("selection", "selection set"),
    Column("encoder_learning_rate", "float64", "during the epoch"),
    Column("decoder_learning_rate", "float64", "during the epoch"),
    Column("train_seconds", "float64", "seconds of training steps"),
    Column("evaluation_seconds", "float64", "seconds of validation and selection"),
    Column("images_per_s", "float64", "training images per second"),
    Column("attempt", "int64", "leg of the trial that measured it, from 1"),
    Column("host", "string", "where it was measured"),
    Column("at", "timestamp", "when it was acknowledged, UTC"),
]

IMAGES = [
    Column("trial_key", "string", "identity of the trial"),
    Column("dataset", "string", "name of the data set"),
    Column("image", "string", "path in the data set"),
    Column("subject", "string", "person on the image"),
    Column("iou", "float64", "IoU; empty on empty = 1"),
    Column("dice", "float64", "Dice; empty on empty = 1"),
    Column("intersection", "int64", "pixels"),
    Column("predicted", "int64", "pixels"),
    Column("target", "int64", "pixels"),
]

DECISIONS = [
    Column("number", "int64", "order of the decisions, from 0"),
    Column("at", "timestamp", "when it was taken, UTC"),
    Column("kind", "string", "proposal, promotion, continuation, prune or finish"),
    Column("trial_key", "string", "the trial it is about; null for the sweep"),
    Column("by", "string", "rule that decided"),
    Column("epoch", "int64", "epoch at which it was taken"),
    Column("score", "float64", "selection IoU it was based on"),
    Column("rank", "int64", "rank among the trials compared, 1 is best"),
    Column("compared", "int64", "number of trials compared"),
    Column("allowed", "int64", "promotions allowed from the rung so far"),
    Column("reason", "string", "in words"),
]

TABLES: dict[str, list[Column]] = {
    "trials": TRIALS,
    "epochs": EPOCHS,
    "images": IMAGES,
    "decisions": DECISIONS,
}
