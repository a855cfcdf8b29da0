"""CVAT's and Datumaro's `labelmap.txt`: one `label:red,green,blue:parts:actions` per line.

A line without a colour has the colour of its number in PASCAL VOC's colour map, as in Datumaro
(datumaro `plugins/data_formats/voc/format.py`).
"""

from __future__ import annotations

from pathlib import Path

from seatbelt.data.importers.classes import label_is_usable
from seatbelt.data.importers.pixels import Colour
from seatbelt.errors import UserError
from seatbelt.storage.base import read_file


def read_label_map(path: Path) -> dict[Colour, str]:
    """Return (red, green, blue) -> label in the order of the lines.

    Raises:
        UserError: The file is missing, or a line is invalid.
    """
    try:
        lines = read_file(path).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); it holds lines NAME:RED,GREEN,BLUE") from None
    except UnicodeError:
        raise UserError(f"{path} is no text file; it holds lines NAME:RED,GREEN,BLUE") from None
    colours: dict[Colour, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, rest = (part.strip() for part in line.partition(":"))
        colour = _colour(rest.partition(":")[0], len(colours))
        if not label_is_usable(name) or colour is None:
            raise UserError(f"{path} line {number}: must be NAME:RED,GREEN,BLUE, but got {line[:60]!r}")
        if name in colours.values():
            raise UserError(f"{path} line {number}: {name} is listed twice")
        if colour in colours:
            raise UserError(f"{path} line {number}: {name} and {colours[colour]} share the colour {colour}")
        colours[colour] = name
    if not colours:
        raise UserError(f"{path} names no label; it holds lines NAME:RED,GREEN,BLUE")
    return colours


def voc_colour(number: int) -> Colour:
    """Return the colour of a class number in PASCAL VOC's map: its bits go to the channels in turn."""
    channels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            channels[channel] |= (number >> (3 * place + channel) & 1) << (7 - place)
    return channels[0], channels[1], channels[2]


def _colour(text: str, number: int) -> Colour | None:
    if not text.strip():
        return voc_colour(number)
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part.isdecimal() and part.isascii() and len(part) <= 3 for part in parts):
        return None
    red, green, blue = (int(part) for part in parts)
    return (red, green, blue) if max(red, green, blue) <= 255 else None
