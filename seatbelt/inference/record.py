"""`model.json`: everything that a model needs beside its weights, and where it comes from.

The file has the sha256 of the weights and of its own content, so that a changed byte is an error and not another model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from seatbelt.config.data import Record
from seatbelt.config.trial import ModelConfig
from seatbelt.errors import UserError, refuse_newer_format
from seatbelt.records.identity import content_hash
from seatbelt.records.sweep import TrainedOn

FORMAT = 1
"""Format of model folders that this version writes and reads."""

RECORD = "model.json"
WEIGHTS = "model.safetensors"

Triple = tuple[float, float, float]
Number = Annotated[int, Field(ge=0, le=255)]


class ModelLabel(Record):
    """One output channel."""

    name: str
    """As configured; `a|b` merges classes."""
    classes: Annotated[dict[str, Number], Field(min_length=1)]
    """Class -> number in the masks of the data set; several for a merged label."""

    @property
    def number(self) -> int:
        """The class number in written masks: that of the first class."""
        return next(iter(self.classes.values()))


class Padding(Record):
    """What the network needs around an image at the training size."""

    multiple: int = 32
    """Both sides become multiples of this number of pixels."""
    mode: Literal["replicate"] = "replicate"
    """The border pixels are repeated, below and on the right; the prediction is cropped back."""


class Weights(Record):
    """The initial weights of the encoder."""

    spec: str
    """`none`, `imagenet` or `file:<name>`."""
    sha256: str | None
    licence: str
    """What is known of their licence."""


class TrainingData(Record):
    """A data set that the model was trained on."""

    name: str
    fingerprint: str
    """sha256 of its content."""


class Training(Record):
    """What the model was trained on, and how."""

    study: str
    sweep: str
    """Name of the sweep; its location may be private."""
    identity: str
    """Identity of the sweep."""
    arm_key: str
    trials: tuple[str, ...]
    """Key of the trial of each member."""
    seeds: tuple[int, ...]
    epochs: tuple[int, ...]
    """Epoch of the weights of each member."""
    trained_on: TrainedOn = "training"
    data: tuple[TrainingData, ...]
    images: dict[str, int]
    """Numbers of images of each part."""
    configuration: dict[str, Any]
    """The trial configuration of the first member."""


class ModelRecord(Record):
    """What `model.json` holds."""

    format: Literal[1] = 1
    members: Annotated[int, Field(ge=1)] = 1
    """Number of networks; their probabilities are averaged."""
    architecture: ModelConfig
    labels: Annotated[tuple[ModelLabel, ...], Field(min_length=1)]
    """The labels in the order of the channels, the target first."""
    background: Number
    """Class number of pixels without a label in written masks."""
    mean: Triple
    """Mean of red, green and blue on a scale from 0 to 1, which the network expects to be subtracted."""
    std: Triple
    """Standard deviation of red, green and blue on a scale from 0 to 1."""
    height: Annotated[int, Field(ge=1)]
    """Height of the training size in pixels; images are resized to it, whatever their aspect ratio."""
    width: Annotated[int, Field(ge=1)]
    tile: tuple[int, int] | None = None
    """Height and width of the overlapping tiles that a resized image is predicted by, pixels; None for the whole."""
    resizing: Literal["opencv-area-or-linear"] = "opencv-area-or-linear"
    """OpenCV's INTER_AREA if a side shrinks, otherwise INTER_LINEAR, rounded to 8 bits; logits return by bilinear
    interpolation."""
    padding: Padding = Padding()
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """A pixel has a label if the probability is above this value."""
    training: Training
    scores: dict[str, float | None]
    """Selection and test IoU, as the model card has them."""
    weights: Weights
    versions: dict[str, str]
    """Versions of the packages that wrote the folder."""
    created: str
    files: dict[str, str]
    """File of weights or graph -> sha256."""

    @property
    def target(self) -> ModelLabel:
        """The label of channel 0."""
        return self.labels[0]

    def text(self) -> str:
        """Return the content of `model.json`."""
        values = self.model_dump(mode="json")
        return json.dumps({**values, "sha256": content_hash(values)}, indent=1, allow_nan=False) + "\n"


def read_record(folder: Path) -> ModelRecord:
    """Read the `model.json` of a model folder.

    Raises:
        UserError: There is none, it was changed, or another version wrote it.
    """
    place = folder / RECORD
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; `seatbelt model SWEEP --out DIR` makes a model folder")
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"{folder} is no model folder: it has no {RECORD}; `seatbelt model SWEEP --out DIR` makes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{place} cannot be read ({error}); export the model again") from None
    return parse_record(text, str(place))


def parse_record(text: str, place: str) -> ModelRecord:
    """Return the record of the text of a `model.json`.

    Args:
        text: The text.
        place: Where it comes from, for messages.

    Raises:
        UserError: It was changed, or another version wrote it.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place} is no JSON ({error}); export the model again") from None
    if not isinstance(values, dict):
        raise UserError(f"{place} does not describe a model; export the model again")
    version = values.get("format")
    refuse_newer_format(place, version, FORMAT)
    if version != FORMAT:
        raise UserError(f"{place} has the format {version!r}, but this version of seatbelt reads {FORMAT}")
    digest = values.pop("sha256", None)
    if digest != content_hash(values):
        raise UserError(f"{place} was changed since it was written (its sha256 differs); export the model again")
    try:
        return ModelRecord.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{place} holds what no export writes ({field}: {first['msg']}); export the model again"
        ) from None
