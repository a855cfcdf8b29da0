"""Names of cells, replicates and trials for people; the tables identify them by keys."""

from __future__ import annotations

import re
from collections.abc import Mapping

from seatbelt.records.sweep import NAMED_ARM, Role

CONFIRMING = 100_000
"""Replicates of confirmations are counted from here, so that their seeds are fresh."""

_BARE = re.compile(r"[\d.,+\-]*\d[\d.,+\-e]*|on|off|true|false|yes|no|none|all|as_is|random", re.IGNORECASE)
"""Levels that do not say which factor they belong to."""


def cell_name(cell: Mapping[str, str]) -> str:
    """Return the short name of a cell, such as `resnet18 unet` or `synthetic_share=0.25 imagenet`.

    A level that does not speak for itself (a number, `on`, `none`) is preceded by its factor. Of several switches only
    those that are on are named. `seatbelt.records.sweep.cell_text` names every factor.
    """
    if set(cell) == {NAMED_ARM}:
        return cell[NAMED_ARM]
    others, switches = split_switches(cell)
    words = [f"{name}={level}" if _BARE.fullmatch(level) else level for name, level in others.items()]
    return " ".join(words if switches is None else [*words, "+".join(switches) or "all switches off"])


def split_switches(cell: Mapping[str, str]) -> tuple[dict[str, str], list[str] | None]:
    """Return the levels of a cell without its switches, and the switches that are on; None for fewer than two."""
    switches = [name for name, level in cell.items() if level in ("on", "off")]
    if len(switches) < 2:
        return dict(cell), None
    others = {name: level for name, level in cell.items() if name not in switches}
    return others, [name for name in switches if cell[name] == "on"]


def replicate_name(replicate: int) -> str:
    """Return `replicate 1` for the first replicate of an arm, and `confirmation 1` for its first confirmation."""
    return f"confirmation {replicate - CONFIRMING + 1}" if replicate >= CONFIRMING else f"replicate {replicate + 1}"


def trial_name(cell: Mapping[str, str], replicate: int, role: Role = "arm") -> str:
    """Return the name of a trial, such as `resnet18 unet` or `resnet18 unet, replicate 2`."""
    suffix = ", pretraining" if role == "stage" else f", {replicate_name(replicate)}" if replicate else ""
    return f"{cell_name(cell)}{suffix}"


def number_or_key(number: int | None, key: str) -> str:
    """Return `[7]`, the number by which people call a trial; its key if its table gives no number."""
    return key if number is None else f"[{number}]"
