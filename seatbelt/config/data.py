"""Training data and labels: a part of the trial configuration (`seatbelt.config.trial`)."""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from seatbelt.config.notation import (
    ALL,
    TAG_NAME,
    canonical_generation,
    canonical_label,
    classes_of,
    generation_names,
    generation_shares,
    parse_crop,
)

Share = Annotated[float, Field(ge=0, le=1)]


class Record(BaseModel):
    """A part of the configuration: frozen, and without unknown fields."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, validate_default=True
    )


class TagShare(Record):
    """The share of synthetic images with one value of a tag. Tags are the extra columns of the manifest."""

    tag: str
    value: str
    share: Share

    @field_validator("tag")
    @classmethod
    def _tag(cls, value: str) -> str:
        if not TAG_NAME.fullmatch(value):
            raise ValueError(f"the name of a tag consists of letters, digits, _ and -, but got {value!r}")
        return value

    @field_validator("value")
    @classmethod
    def _value(cls, value: str) -> str:
        if not value or value != value.strip():
            raise ValueError(f"the value of a tag must not begin or end with a space, but got {value!r}")
        return value

    @property
    def key(self) -> str:
        """The condition, such as `seat=empty`."""
        return f"{self.tag}={self.value}"

    def __str__(self) -> str:
        return f"{self.key}:{self.share:g}"


class DataConfig(Record):
    """The training data and the labels of a trial."""

    real: bool = False
    """Train on the real training images (those of subjects outside the selection set)."""
    generations: tuple[str, ...] = ("3", "4", "5")
    """Generations of synthetic images to train on. Either all or none have a share (`3:0.2`). Empty for none."""
    sources: tuple[str, ...] = ()
    """Names of the data sets to train on; empty for all. Selection and test images come from all data sets."""
    synthetic_share: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Share of synthetic images among all training images; the real images stay the same. None takes all, 0 none."""
    synthetic_images: Annotated[int, Field(ge=1)] | None = None
    """Number of synthetic images, training and validation part together; None follows from the shares."""
    composition: tuple[TagShare, ...] = ()
    """Shares of tags among the synthetic images, also written `{"seat=empty": 0.2}`. Tags are independent; the rest of
    a tag is drawn from its other values. Images without a value are not drawn."""
    replacement: bool = False
    """Repeat synthetic images if there are too few for the shares; otherwise this is an error."""
    target: str = "seat_belt"
    """The class to segment, or several merged classes (`a|b`): channel 0, the only one that is scored."""
    context: tuple[str, ...] = ()
    """Further labels to learn, one binary channel each, never scored; `a|b` merges classes."""
    height: Annotated[int, Field(ge=32, le=4096)] = 480
    """Height of the training resolution in pixels."""
    width: Annotated[int, Field(ge=32, le=4096)] = 848
    """Width of the training resolution in pixels."""
    training_crop: str | None = None
    """Height and width of a random crop of each training image, pixels, as `192x192`; None trains on whole images."""
    evaluation: Literal["whole", "tiles"] = "whole"
    """How images are predicted: as a whole, or by overlapping tiles of the size of the crops."""
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the synthetic images held out at random for the plateau schedule."""

    @field_validator("sources")
    @classmethod
    def _as_set(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(value)))

    @field_validator("generations")
    @classmethod
    def _generations(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        written = tuple(sorted({canonical_generation(text) for text in value}))
        generation_shares(written)
        # A single generation has all of the images, with or without a written share.
        return generation_names(written) if len(written) == 1 else written

    @field_validator("composition", mode="before")
    @classmethod
    def _as_records(cls, value: Any) -> Any:  # noqa: ANN401  (pydantic passes the user's input)
        if not isinstance(value, dict):
            return value
        pairs = ((str(key).partition("="), share) for key, share in value.items())
        return tuple({"tag": tag, "value": text, "share": share} for (tag, _, text), share in pairs)

    @field_validator("composition")
    @classmethod
    def _composition(cls, value: tuple[TagShare, ...]) -> tuple[TagShare, ...]:
        ordered = tuple(sorted(value, key=lambda item: (item.tag, item.value)))
        for item, after in itertools.pairwise(ordered):
            if item.key == after.key:
                raise ValueError(f"composition names {item.key} twice")
        for tag in {item.tag for item in ordered}:
            total = sum(item.share for item in ordered if item.tag == tag)
            if total > 1 + 1e-9:
                raise ValueError(f"the shares of {tag} must add up to at most 1, but add up to {total:g}")
        return ordered

    @field_validator("target")
    @classmethod
    def _target(cls, value: str) -> str:
        return canonical_label(value)

    @field_validator("context")
    @classmethod
    def _context(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        labels = tuple(sorted({canonical_label(text) for text in value}))
        if ALL in labels and len(labels) > 1:
            raise ValueError(f"context={ALL} stands alone, but got {'+'.join(labels)}")
        return labels

    @field_validator("training_crop")
    @classmethod
    def _canonical_crop(cls, value: str | None) -> str | None:
        return value if value is None else "{}x{}".format(*parse_crop(value))

    @property
    def training_size(self) -> tuple[int, int]:
        """Height and width of what the network trains on, pixels."""
        return (self.height, self.width) if self.training_crop is None else parse_crop(self.training_crop)

    @property
    def tile(self) -> tuple[int, int] | None:
        """Height and width of the tiles of a prediction, pixels; None for whole images."""
        return self.training_size if self.evaluation == "tiles" and self.training_crop is not None else None

    @model_validator(mode="after")
    def _consistent(self) -> DataConfig:
        if not self.real and not self.generations:
            raise ValueError("data must hold real images or at least one generation, but both are switched off")
        if self.synthetic_share is not None and not (self.real and self.generations):
            raise ValueError(
                "synthetic_share needs real images and generations to mix, "
                f"but got real={self.real} and generations={self.generations}"
            )
        self._check_synthetic()
        self._check_disjoint()
        rows, columns = self.training_size
        if rows > self.height or columns > self.width:
            raise ValueError(
                f"training_crop ({self.training_crop}) must not be larger than the images ({self.height}x{self.width})"
            )
        return self

    def _check_synthetic(self) -> None:
        if self.synthetic_images is not None and self.synthetic_share is not None:
            raise ValueError(
                "synthetic_images and synthetic_share both set the number of synthetic images; use one of them"
            )
        for name in ("synthetic_images", "composition"):
            if getattr(self, name) and not self.generations:
                raise ValueError(f"{name} is about synthetic images, but there are no generations to draw from")

    def _check_disjoint(self) -> None:
        owners = dict.fromkeys(classes_of(self.target), self.target)
        for label in self.context:
            for name in classes_of(label):
                if owners.get(name) == self.target:
                    raise ValueError(f"context must not repeat the target, but holds {name!r}")
                if name in owners:
                    raise ValueError(f"a class belongs to one label, but {name!r} is in {owners[name]!r} and {label!r}")
                owners[name] = label
