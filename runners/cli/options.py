"""What several commands share: the argument that names a sweep, and parsing of option texts."""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

import typer

from seatbelt.errors import UserError

SweepArgument = Annotated[str, typer.Argument(help="The sweep: its folder, or s3://BUCKET/PREFIX.")]


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Return (height, width) of `HEIGHTxWIDTH`."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise UserError(f"--size takes HEIGHTxWIDTH in pixels, such as 96x160, but got {text!r}")
    return int(match[1]), int(match[2])


def parse_rungs(text: str | None) -> tuple[int, ...]:
    """Return the epochs of `3,9`."""
    if text is None:
        return ()
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise UserError(f"--rungs takes epochs separated by commas, such as 3,9, but got {text!r}")
    return tuple(int(part) for part in text.split(","))


def parse_names(option: str, text: str | None) -> tuple[str, ...]:
    """Return the names of `a,b,c`."""
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if "" in names or len(set(names)) < len(names):
        raise UserError(f"{option} takes different names separated by commas, but got {text!r}")
    return names


def parse_gpus(text: str | None) -> float | Literal["auto"] | None:
    """Return a number of GPUs, `auto`, or None.

    Raises:
        UserError: It is neither.
    """
    if text is None:
        return None
    if text == "auto":
        return "auto"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise UserError(f"--gpus-per-trial takes a number from 0, such as 0.5, or auto, but got {text!r}")
    return number
