"""The records that a sweep keeps: statuses, tables and their columns, as data.

A table is a literal list of columns, readable at one glance; `seatbelt.records.arrow` turns it into an Arrow schema.
All Parquet files of a folder have exactly this schema, so that every reader sees one table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from seatbelt.config.augmentation import AugmentationConfig
from seatbelt.config.trial import TrialConfig

SCHEMA_VERSION = 1

SWEEP_METADATA = "seatbelt_sweep"
"""Key of a table file's metadata: the identity of the sweep that it belongs to."""

ColumnType = Literal["string", "int64", "float64", "bool", "timestamp"]


class Status(StrEnum):
    """Where a trial stands."""

    PLANNED = "PLANNED"
    """Proposed; its first leg has not begun."""
    RUNNING = "RUNNING"
    """A leg of it is on a worker."""
    PAUSED = "PAUSED"
    """Stopped at a rung, with a checkpoint; it may be promoted."""
    PRUNED = "PRUNED"
    """Paused when the sweep ended: not among the best of its rung."""
    COMPLETE = "COMPLETE"
    """Trained to its end (full epochs or early stopping) and tested."""
    FAILED = "FAILED"
    """Ended by errors after all retries."""
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    """Does not fit into the memory of its device: a result, not a fault."""
    DIVERGED = "DIVERGED"
    """Its loss became NaN or infinite."""
    INTERRUPTED = "INTERRUPTED"
    """Its leg ended early (a stop, a lost worker); it goes on from its checkpoint."""


FINAL = frozenset({Status.COMPLETE, Status.FAILED, Status.OUT_OF_MEMORY, Status.DIVERGED})
"""Statuses that no later leg changes."""

WITHOUT_RESULT = FINAL - {Status.COMPLETE}
"""Of these, those of trials that ended without a result."""


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, and what it means (with its unit)."""

    name: str
    type: ColumnType
    meaning: str


CONFIGURATION = [
    Column("encoder", "string", "encoder, normalised name"),
    Column("decoder", "string", "decoder, normalised name"),
    Column("weights", "string", "initial encoder weights as configured"),
    Column("real", "bool", "trains on the real training images"),
    Column("generations", "string", "synthetic generations trained on, joined by +; 3:0.2 has a share"),
    Column("sources", "string", "data sets trained on, joined by +; empty for all of the sweep"),
    Column("synthetic_share", "float64", "share of synthetic training images; null takes all"),
    Column("synthetic_images", "int64", "synthetic images drawn, if a number was given; null for none"),
    Column("composition", "string", "shares of tags among the synthetic images, joined by +, as seat=empty:0.2"),
    Column("replacement", "bool", "synthetic images may repeat where there are too few"),
    Column("target", "string", "class that is scored; a|b are merged"),
    Column("context", "string", "further labels learned, joined by +; a|b are merged"),
    Column("height", "int64", "training resolution, pixels"),
    Column("width", "int64", "training resolution, pixels"),
    Column("augmentation", "string", "transforms switched on, joined by +"),
    Column("augmentation_policy", "string", "how transforms are chosen: independent, randaugment or trivialaugment"),
    Column("augmentation_probability", "float64", "probability of each transform; null where the policy has none"),
    Column("augmentation_operations", "int64", "transforms per image; null where the policy has no such number"),
    Column(
        "augmentation_strength", "float64", "strength of each transform, 1 = default; under trivialaugment the largest"
    ),
    Column("augmentation_overrides", "string", "probabilities and strengths of single transforms, JSON; null without"),
    Column("decoder_dropout", "float64", "dropout before the segmentation head"),
    Column("output_stride", "int64", "stride of the deepest features"),
    Column("batch_size", "int64", "images per step"),
    Column("encoder_learning_rate", "float64", "initial learning rate of the encoder"),
    Column("decoder_learning_rate", "float64", "initial learning rate of the rest"),
    Column("encoder_weight_decay", "float64", "weight decay of the encoder"),
    Column("decoder_weight_decay", "float64", "weight decay of the rest"),
    Column("plateau_factor", "float64", "factor of the learning rates at a plateau"),
    Column("plateau_patience", "int64", "epochs without a lower validation loss before it"),
    Column("early_stopping_patience", "int64", "epochs without a better selection IoU before the trial ends"),
    Column("encoder_depth", "int64", "encoder stages"),
    Column("pretraining", "string", "generations trained on before, joined by +"),
    Column("pretraining_epochs", "int64", "epochs of that"),
    Column("precision", "string", "arithmetic of the forward pass"),
    Column("seed", "int64", "seed of everything random in the trial"),
    Column("config", "string", "the whole trial configuration, JSON"),
]
"""Columns of the configuration in the table of trials."""

SCORES = [
    Column("iou", "float64", "mean over images of the IoU; empty on empty = 1"),
    Column("iou_with_target", "float64", "the same over images that show the target"),
    Column("iou_without_target", "float64", "the same over images that do not"),
    Column("iou_pooled", "float64", "IoU of all pixels pooled"),
    Column("dice", "float64", "mean over images of Dice; empty on empty = 1"),
]
"""Scores of one model on one set of images; columns carry the set as a prefix."""


IMAGE_COUNTS = [
    Column("train_real", "int64", "real images trained on in an epoch"),
    Column("train_synthetic", "int64", "synthetic images trained on in an epoch, each as often as it comes"),
    Column("validation_images", "int64", "images of the trial's own validation part"),
    Column("selection_images", "int64", "images of the sweep's selection set"),
    Column("test_images", "int64", "images of the test set"),
]
"""Numbers of images of a trial's parts."""


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


def configuration_row(config: TrialConfig) -> dict[str, Any]:
    """Return the configuration columns of a trials row (without the output stride, which the model decides)."""
    data, optimisation = config.data, config.optimisation
    return {
        "encoder": config.model.encoder,
        "decoder": config.model.decoder,
        "weights": config.model.weights,
        "real": data.real,
        "generations": "+".join(data.generations),
        "sources": "+".join(data.sources),
        "synthetic_share": data.synthetic_share,
        "synthetic_images": data.synthetic_images,
        "composition": "+".join(map(str, data.composition)),
        "replacement": data.replacement,
        "target": data.target,
        "context": "+".join(data.context),
        "height": data.height,
        "width": data.width,
        **_augmentation_row(config.augmentation),
        "decoder_dropout": config.model.decoder_dropout,
        "batch_size": optimisation.batch_size,
        "encoder_learning_rate": optimisation.encoder_learning_rate,
        "decoder_learning_rate": optimisation.decoder_learning_rate,
        "encoder_weight_decay": optimisation.encoder_weight_decay,
        "decoder_weight_decay": optimisation.decoder_weight_decay,
        "plateau_factor": optimisation.plateau_factor,
        "plateau_patience": optimisation.plateau_patience,
        "early_stopping_patience": optimisation.early_stopping_patience,
        "encoder_depth": config.model.encoder_depth,
        "pretraining": "+".join(config.pretraining.generations),
        "pretraining_epochs": config.pretraining.epochs if config.pretraining.generations else None,
        "precision": optimisation.precision,
        "seed": config.seed,
        "config": config.model_dump_json(),
    }


def _augmentation_row(config: AugmentationConfig) -> dict[str, Any]:
    overrides = config.model_dump(include={"probabilities", "strengths"}, exclude_defaults=True)
    return {
        "augmentation": "+".join(config.transforms),
        "augmentation_policy": config.policy,
        "augmentation_probability": config.probability if config.policy == "independent" else None,
        "augmentation_operations": config.operations if config.policy == "randaugment" else None,
        "augmentation_strength": config.strength,
        "augmentation_overrides": json.dumps(overrides) if overrides else None,
    }
