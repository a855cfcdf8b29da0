"""Where commands speak: texts of others are shown without control characters and secrets."""

from __future__ import annotations

import typer

from seatbelt.text.redaction import shown


def say(text: str, *, err: bool = False) -> None:
    """Print text for a person."""
    typer.echo(shown(text), err=err)
