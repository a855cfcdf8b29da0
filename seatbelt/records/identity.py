"""Identity by content: keys that are the hash of a canonical configuration.

Equal configurations have one key: 3 and 3.0, fields or sets in another order, a default left out or written out.
Keys are stable across processes, machines and versions (a golden test).
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from seatbelt.config.augmentation import AugmentationConfig
from seatbelt.config.library_transform import canonical_parameters
from seatbelt.config.trial import TrialConfig

KEY_DIGITS = 12


def trial_key(config: TrialConfig) -> str:
    """Return the 12 hex digits that identify an arm with a seed."""
    return _digest(identifying_fields(config))


def arm_key(config: TrialConfig) -> str:
    """Return the 12 hex digits that identify a configuration without its seed."""
    fields = identifying_fields(config)
    fields.pop("seed")
    return _digest(fields)


def stage_key(config: TrialConfig, epochs: int) -> str | None:
    """Return the key of the pretraining stage of a trial, None if it has none.

    A stage with as many epochs as the trials of the sweep is an ordinary trial with an ordinary key: an arm that trains
    on the same synthetic images is also the stage of other arms.

    Args:
        config: The trial that has the stage.
        epochs: Full epochs of the sweep's trials.
    """
    stage = config.stage
    if stage is None:
        return None
    key = trial_key(stage)
    return key if stage.epochs == epochs else _digest({"stage": key, "epochs": stage.epochs})


def identifying_fields(config: TrialConfig) -> dict[str, Any]:
    """Return what determines the numbers of a trial: the fields that differ from their default, and the seed.

    The number of epochs is left out where epoch e of a trial is the same whether 9 or 50 are planned: under every
    schedule but cosine and polynomial. So are fields that are not used, such as probabilities under RandAugment.
    """
    fields = config.model_dump(mode="json", exclude_defaults=True)
    fields.pop("epochs", None)
    if config.optimisation.depends_on_length:
        fields["epochs"] = config.epochs
    if not config.pretraining.generations:
        fields.pop("pretraining", None)
    _drop_unused(fields.get("augmentation", {}), config.augmentation)
    _drop_unused_of_recipe(fields, config)
    if config.data.training_crop is None:
        fields.get("data", {}).pop("evaluation", None)
    for name in ("data", "augmentation", "loss", "optimisation"):
        if not fields.get(name, True):
            del fields[name]
    fields["seed"] = config.seed
    return fields


def canonical_json(value: Any) -> str:  # noqa: ANN401  (any JSON value)
    """Return the one JSON text of a value: sorted keys, no spaces, whole floats written as integers.

    Raises:
        ValueError: A number is NaN or infinite and has no canonical form.
    """
    return json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def content_hash(value: Any) -> str:  # noqa: ANN401
    """Return the sha256 hex digest of a JSON value's canonical text."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _drop_unused(fields: dict[str, Any], config: AugmentationConfig) -> None:
    """Remove the fields that this augmentation does not use, except two old ones that existing keys contain."""
    unused = {"operations"} if config.policy != "randaugment" else set[str]()
    if config.policy != "independent":
        unused |= {"probability", "probabilities"}
    if not config.transforms:
        unused |= {"strength"} if config.library else {"policy", "operations", "strength"}
    for name in unused & set(fields):
        del fields[name]
    for name in ("probabilities", "strengths"):
        used = {key: value for key, value in fields.pop(name, {}).items() if key in config.transforms}
        if used:
            fields[name] = used
    if config.library and config.policy != "independent":
        fields["library"] = [
            {"name": item.name, "parameters": canonical_parameters(item.arguments)} for item in config.library
        ]
    for item in fields.get("library", []):
        if item.get("parameters") == "{}":
            del item["parameters"]


def _drop_unused_of_recipe(fields: dict[str, Any], config: TrialConfig) -> None:
    """Remove the parameters of losses, schedules and optimizers that a trial does not have."""
    loss, optimisation = config.loss, config.optimisation
    used = {
        "positive_weight": loss.bce or loss.focal,
        "label_smoothing": loss.bce,
        "focal_gamma": loss.focal,
        "tversky_false": loss.tversky,
        "tversky_missed": loss.tversky,
        "boundary_width": loss.boundary,
        "momentum": optimisation.optimizer == "sgd",
        "polynomial_power": optimisation.schedule == "polynomial",
        "plateau_factor": optimisation.schedule == "plateau",
        "plateau_patience": optimisation.schedule == "plateau",
    }
    for part in ("loss", "optimisation"):
        for name in fields.get(part, {}).keys() & {name for name, value in used.items() if not value}:
            del fields[part][name]


def _digest(fields: dict[str, Any]) -> str:
    return content_hash(fields)[:KEY_DIGITS]


def _canonical(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a number without canonical form: {value}")
        return int(value) if value.is_integer() else value
    return value
