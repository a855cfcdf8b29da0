"""Writes a model folder: all files first, `model.json` last, and nothing over the files of others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from seatbelt.errors import UserError
from seatbelt.inference.export import GRAPH_FILES
from seatbelt.inference.record import RECORD, WEIGHTS, ModelRecord
from seatbelt.storage.base import LocalStorage

CARD = "README.md"
PICTURES = tuple(f"example-{number}.jpg" for number in (1, 2, 3))

_OURS = {RECORD, WEIGHTS, CARD, *PICTURES, *GRAPH_FILES.values()}


def check_place(folder: Path, *, allowed: tuple[str, ...] = (), force: bool = False) -> None:
    """Refuse to write into a folder that holds something else, before anything is computed.

    Args:
        folder: Where the model will lie.
        allowed: Further names that it may hold.
        force: Replace the files of an earlier export, and let other files stay.

    Raises:
        UserError: The place is a file, or a folder with other files.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder} is a file; name a folder")
    if force or not folder.is_dir():
        return
    names = sorted(path.name for path in folder.iterdir() if path.name not in allowed)
    if not names:
        return
    if set(names) <= _OURS:
        raise UserError(f"--out {folder} holds a model already; --force replaces it")
    others = [name for name in names if name not in _OURS]
    more = ", ..." if len(others) > 3 else ""
    raise UserError(
        f"--out {folder} holds other files ({', '.join(others[:3])}{more}); name an empty folder, or --force to write "
        "beside them"
    )


def write_model(
    folder: Path, record: ModelRecord, *, weights: bytes, graphs: Mapping[str, bytes], texts: Mapping[str, bytes]
) -> None:
    """Write a model folder.

    A reader that comes while an earlier model is replaced sees an error of a hash, never a mixture.

    Args:
        folder: The folder; it is made if it is missing.
        record: The model; the hashes of its files are entered here.
        weights: Content of the weights file.
        graphs: Name of a graph file -> content.
        texts: Name of the card or a picture -> content.
    """
    files = {WEIGHTS: weights, **graphs}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    place = LocalStorage(folder)
    for name in sorted(set(_OURS) - set(files) - set(texts) - {RECORD}):
        place.remove(name)
    for name, content in {**files, **texts}.items():
        place.write(name, content)
    place.write(RECORD, record.model_copy(update={"files": hashes}).text().encode())
