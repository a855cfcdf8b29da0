"""Albumentations 2.0.8: how it is loaded and seeded, and its transforms by name with parameters.

Only this module imports it. A transform by name is checked before the first trial: albumentations warns of an unknown
parameter, where a user needs an error.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import os
import random
import re
import warnings
from functools import partial
from typing import Any

import cv2
import numpy as np

from seatbelt.config.library_transform import LibraryTransform
from seatbelt.data.augmentation.steps import Pixels, Step, as_bytes
from seatbelt.errors import UserError

_OURS = ("p", "strict", "always_apply", "kwargs")
"""Parameters of the library's constructors that are no parameters of a transform here."""

_LABELS = (0, 1, 2, 5, 255)
_PROBES = 6


def load_library() -> Any:  # noqa: ANN401  (albumentations is untyped)
    """Import albumentations, which takes seconds, only if a transform is switched on."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # otherwise the import accesses the network
    import albumentations

    return albumentations


def seed_transform(transform: Any, stream: np.random.Generator) -> None:  # noqa: ANN401  (albumentations is untyped)
    """Let a transform of the library draw from a stream."""
    transform.set_random_state(stream, random.Random(int(stream.integers(2**63))))


def apply_library(
    transform: Any,  # noqa: ANN401
    image: Pixels,
    mask: Pixels,
    stream: np.random.Generator,
) -> tuple[Pixels, Pixels]:
    """Apply a transform of the library with draws from a stream."""
    seed_transform(transform, stream)
    result = transform(image=image, mask=mask)
    return as_bytes(result["image"]), as_bytes(result["mask"])


def build_library_step(record: LibraryTransform) -> Step:
    """Build a transform of albumentations; masks are sampled by nearest neighbour.

    Raises:
        UserError: The library has no such transform, it has no such parameter, or it refuses a value.
    """
    return partial(apply_library, _build(record))


@functools.lru_cache(maxsize=256)
def check_library_transform(record: LibraryTransform, height: int, width: int) -> None:
    """Build a transform and run it on an image of the training size with a mask.

    Raises:
        UserError: It cannot be built or run, or its result is no image and mask that a training can use.
    """
    transform = _build(record)
    noise = np.random.default_rng(0)
    image = as_bytes(cv2.resize(noise.integers(0, 256, (8, 8, 3), dtype=np.uint8), (width, height)))
    # Large squares of distant labels: interpolation between them would invent others.
    mask = as_bytes(cv2.resize(noise.choice(np.array(_LABELS, np.uint8), (6, 6)), (width, height), interpolation=0))
    results = []
    for number in (*range(_PROBES), 0):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                transform.set_random_state(np.random.default_rng(number), random.Random(number))
                result = transform(image=image.copy(), mask=mask.copy())
        except Exception as error:  # the library raises anything
            raise UserError(f"{_axis(record)} does not work on an image of {height}x{width}: {_line(error)}") from None
        fault = _describe_fault(result["image"], result["mask"])
        if fault:
            raise UserError(f"{_axis(record)} {fault}, which a training cannot use; choose another transform")
        results.append(result)
    if not all(np.array_equal(results[0][key], results[-1][key]) for key in ("image", "mask")):
        raise UserError(f"{_axis(record)} draws from a source of its own, so that no trial could be repeated")


def _describe_fault(image: Any, mask: Any) -> str | None:  # noqa: ANN401  (untyped results)
    for name, pixels, dimensions in (("image", image, 3), ("mask", mask, 2)):
        kind = getattr(pixels, "dtype", type(pixels).__name__)
        if kind != np.uint8 or pixels.ndim != dimensions or (dimensions == 3 and pixels.shape[2] != 3):
            return f"returns the {name} as {kind} of shape {tuple(getattr(pixels, 'shape', ()))}"
    if image.shape[:2] != mask.shape:
        return "returns image and mask of different sizes"
    invented = sorted(set(np.unique(mask).tolist()) - set(_LABELS))
    return f"invents labels in the mask ({', '.join(map(str, invented[:3]))}, ...)" if invented else None


@functools.cache
def _usable() -> dict[str, type]:
    """Return name -> class of the transforms that act on an image and its mask."""
    library = load_library()
    kinds = (library.DualTransform, library.ImageOnlyTransform)
    left_out = (library.Transform3D, library.Lambda)
    return {
        name: value
        for name, value in vars(library).items()
        if isinstance(value, type)
        and issubclass(value, kinds)
        and value not in kinds
        and not issubclass(value, left_out)
    }


def _build(record: LibraryTransform) -> Any:  # noqa: ANN401  (albumentations is untyped)
    usable = _usable()
    if record.name not in usable:
        near = difflib.get_close_matches(record.name.lower(), [name.lower() for name in usable], n=3, cutoff=0.5)
        names = [name for lower in near for name in usable if name.lower() == lower]
        hint = f"did you mean {', '.join(names)}?" if names else "see https://albumentations.ai/docs for their names"
        raise UserError(f"{_axis(record)}: albumentations has no transform {record.name!r} of images and masks; {hint}")
    kind = usable[record.name]
    known = [name for name in inspect.signature(kind).parameters if name not in _OURS]
    arguments = {name: _as_tuples(value) for name, value in record.arguments.items()}
    for name in arguments:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            hint = f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(known) or 'none'}"
            raise UserError(f"{_axis(record)} has no parameter {name!r}; {hint}")
    if arguments.setdefault("mask_interpolation", cv2.INTER_NEAREST) not in _NEAREST:
        raise UserError(
            f"{_axis(record)}: mask_interpolation must be {cv2.INTER_NEAREST} (nearest), or labels are invented"
        )
    if "mask_interpolation" not in known:
        del arguments["mask_interpolation"]
    try:
        with warnings.catch_warnings():
            # What the library corrects with a warning is a mistake of the user.
            warnings.simplefilter("error" if record.arguments else "ignore")
            warnings.filterwarnings("ignore", message=".*is a special(ized)? case of.*")
            return kind(**arguments, p=1)
    except Exception as error:  # the library raises anything
        raise UserError(f"{_axis(record)} cannot be built with {record.parameters}: {_line(error)}") from None


_NEAREST = (cv2.INTER_NEAREST, cv2.INTER_NEAREST_EXACT)


def _axis(record: LibraryTransform) -> str:
    return f"transform.{record.name}"


def _line(error: Exception) -> str:
    """Return a message of the library in one line, without the details that pydantic adds for programmers."""
    text = " ".join(f"{error}".split())
    text = re.sub(r"^\d+ validation errors? for \w+ ", "", text)
    text = re.sub(r" \[type=.*?https?://\S+", ";", text).rstrip("; ")
    return text[:300] or type(error).__name__


def _as_tuples(value: Any) -> Any:  # noqa: ANN401  (any JSON value)
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
