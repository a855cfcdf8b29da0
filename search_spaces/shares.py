"""Names of the axes that are shares of tags: `share.seat.empty` is the share of synthetic images with an empty seat."""

from __future__ import annotations

from seatbelt.config.field_paths import SHARE_FIELD
from seatbelt.config.notation import TAG_NAME
from seatbelt.errors import UserError

SHARE = "share."
"""What these names begin with."""

AS_IS = "as_is"
"""Level that leaves the images as they come."""


def share_field(name: str) -> str:
    """Return the dotted field of a share.

    Raises:
        UserError: The name is not `share.TAG.VALUE`.
    """
    tag, _, value = name.removeprefix(SHARE).partition(".")
    if not TAG_NAME.fullmatch(tag) or not value or value != value.strip():
        raise UserError(f"a share is named {SHARE}TAG.VALUE, such as {SHARE}seat.empty, but got {name!r}")
    return f"{SHARE_FIELD}{tag}={value}"
