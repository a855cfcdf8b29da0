"""Words for numbers, in whatever people read."""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """Return `1 trial` or `2 trials`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
