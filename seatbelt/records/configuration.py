"""The columns of the trial configuration, each with its value for a configuration."""

from __future__ import annotations

import json
from typing import Any

from seatbelt.config.trial import TrialConfig
from seatbelt.records.columns import Column


def _augmentation_overrides(config: TrialConfig) -> str | None:
    overrides = config.augmentation.model_dump(include={"probabilities", "strengths"}, exclude_defaults=True)
    return json.dumps(overrides) if overrides else None


def _loss(config: TrialConfig) -> str:
    weights = {name: weight for name, weight in config.loss.weights.items() if weight}
    return "+".join(name if weight == 1 else f"{name}:{weight:g}" for name, weight in weights.items())


def _augmentation_library(config: TrialConfig) -> str | None:
    library = {item.name: json.loads(item.parameters) for item in config.augmentation.library}
    return json.dumps(library) if library else None


CONFIGURATION = [
    Column("encoder", "string", "encoder, normalised name", lambda c: c.model.encoder),
    Column("decoder", "string", "decoder, normalised name", lambda c: c.model.decoder),
    Column("weights", "string", "initial encoder weights as configured", lambda c: c.model.weights),
    Column("real", "bool", "trains on the real training images", lambda c: c.data.real),
    Column(
        "generations",
        "string",
        "synthetic generations trained on, joined by +; 3:0.2 has a share",
        lambda c: "+".join(c.data.generations),
    ),
    Column(
        "sources",
        "string",
        "data sets trained on, joined by +; empty for all of the sweep",
        lambda c: "+".join(c.data.sources),
    ),
    Column(
        "synthetic_share",
        "float64",
        "share of synthetic training images; null takes all",
        lambda c: c.data.synthetic_share,
    ),
    Column(
        "synthetic_images",
        "int64",
        "synthetic images drawn, if a number was given; null for none",
        lambda c: c.data.synthetic_images,
    ),
    Column(
        "composition",
        "string",
        "shares of tags among the synthetic images, joined by +, as seat=empty:0.2",
        lambda c: "+".join(map(str, c.data.composition)),
    ),
    Column("replacement", "bool", "synthetic images may repeat where there are too few", lambda c: c.data.replacement),
    Column("target", "string", "class that is scored; a|b are merged", lambda c: c.data.target),
    Column(
        "context", "string", "further labels learned, joined by +; a|b are merged", lambda c: "+".join(c.data.context)
    ),
    Column("height", "int64", "training resolution, pixels", lambda c: c.data.height),
    Column("width", "int64", "training resolution, pixels", lambda c: c.data.width),
    Column(
        "training_crop",
        "string",
        "height x width of random training crops; null for whole images",
        lambda c: c.data.training_crop,
    ),
    Column(
        "evaluation",
        "string",
        "whole, or tiles of the size of the crops; IoU is at height x width",
        lambda c: c.data.evaluation,
    ),
    Column(
        "augmentation", "string", "transforms switched on, joined by +", lambda c: "+".join(c.augmentation.transforms)
    ),
    Column(
        "augmentation_policy",
        "string",
        "how transforms are chosen: independent, randaugment or trivialaugment",
        lambda c: c.augmentation.policy,
    ),
    Column(
        "augmentation_probability",
        "float64",
        "probability of each transform; null where the policy has none",
        lambda c: c.augmentation.probability if c.augmentation.policy == "independent" else None,
    ),
    Column(
        "augmentation_operations",
        "int64",
        "transforms per image; null where the policy has no such number",
        lambda c: c.augmentation.operations if c.augmentation.policy == "randaugment" else None,
    ),
    Column(
        "augmentation_strength",
        "float64",
        "strength of each transform, 1 = default; under trivialaugment the largest",
        lambda c: c.augmentation.strength,
    ),
    Column(
        "augmentation_overrides",
        "string",
        "probabilities and strengths of single transforms, JSON; null without",
        _augmentation_overrides,
    ),
    Column(
        "augmentation_library",
        "string",
        "transforms of albumentations with their parameters, JSON; null without",
        _augmentation_library,
    ),
    Column("decoder_dropout", "float64", "dropout before the segmentation head", lambda c: c.model.decoder_dropout),
    Column("output_stride", "int64", "stride of the deepest features"),
    Column("batch_size", "int64", "images per step", lambda c: c.optimisation.batch_size),
    Column(
        "encoder_learning_rate",
        "float64",
        "initial learning rate of the encoder",
        lambda c: c.optimisation.encoder_learning_rate,
    ),
    Column(
        "decoder_learning_rate",
        "float64",
        "initial learning rate of the rest",
        lambda c: c.optimisation.decoder_learning_rate,
    ),
    Column(
        "encoder_weight_decay", "float64", "weight decay of the encoder", lambda c: c.optimisation.encoder_weight_decay
    ),
    Column(
        "decoder_weight_decay", "float64", "weight decay of the rest", lambda c: c.optimisation.decoder_weight_decay
    ),
    Column(
        "plateau_factor",
        "float64",
        "factor of the learning rates at a plateau",
        lambda c: c.optimisation.plateau_factor,
    ),
    Column(
        "plateau_patience",
        "int64",
        "epochs without a lower validation loss before it",
        lambda c: c.optimisation.plateau_patience,
    ),
    Column(
        "early_stopping_patience",
        "int64",
        "epochs without a better selection IoU before the trial ends",
        lambda c: c.optimisation.early_stopping_patience,
    ),
    Column("optimizer", "string", "adam, adamw or sgd", lambda c: c.optimisation.optimizer),
    Column("schedule", "string", "how the learning rates change", lambda c: c.optimisation.schedule),
    Column("warmup_epochs", "float64", "epochs in which they rise from 0", lambda c: c.optimisation.warmup_epochs),
    Column("accumulation", "int64", "batches per step", lambda c: c.optimisation.accumulation),
    Column(
        "gradient_clipping",
        "float64",
        "largest norm of the gradient; null without",
        lambda c: c.optimisation.gradient_clipping,
    ),
    Column("frozen_epochs", "int64", "first epochs with a frozen encoder", lambda c: c.optimisation.frozen_epochs),
    Column(
        "averaging",
        "float64",
        "decay of the moving average of the weights; null without",
        lambda c: c.optimisation.averaging,
    ),
    Column("loss", "string", "losses of the mean, joined by +; bce:2 has a weight", _loss),
    Column(
        "label_weights",
        "string",
        "weights of labels in the loss, joined by +",
        lambda c: "+".join(c.loss.label_weights),
    ),
    Column("encoder_depth", "int64", "encoder stages", lambda c: c.model.encoder_depth),
    Column(
        "pretraining",
        "string",
        "generations trained on before, joined by +",
        lambda c: "+".join(c.pretraining.generations),
    ),
    Column(
        "pretraining_epochs",
        "int64",
        "epochs of that",
        lambda c: c.pretraining.epochs if c.pretraining.generations else None,
    ),
    Column("precision", "string", "arithmetic of the forward pass", lambda c: c.optimisation.precision),
    Column("seed", "int64", "seed of everything random in the trial", lambda c: c.seed),
    Column("config", "string", "the whole trial configuration, JSON", lambda c: c.model_dump_json()),
]
"""Columns of the configuration in the table of trials, each with its value (the model decides the output stride)."""


def configuration_row(config: TrialConfig) -> dict[str, Any]:
    """Return the configuration columns of a trials row, without the output stride, which the model decides."""
    return {column.name: column.value(config) for column in CONFIGURATION if column.value is not None}
