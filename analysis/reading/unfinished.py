"""Notes on unfinished sweeps."""

from __future__ import annotations

from collections.abc import Mapping

from seatbelt.records.tables import FINAL, Status

_ENDED = {status.value for status in FINAL} | {Status.PRUNED.value}


def unfinished_text(counts: Mapping[str, int]) -> str | None:
    """Return a note if some trials have not ended, else None.

    Args:
        counts: Status -> number of trials.
    """
    waiting = {status: count for status, count in sorted(counts.items()) if status not in _ENDED}
    if not waiting:
        return None
    statuses = ", ".join(f"{count} {status}" for status, count in waiting.items())
    return f"provisional: the sweep is not finished ({statuses}); this may change"
