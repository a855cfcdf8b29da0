"""The manifest of a checkpoint: JSON that names its files with their sizes and hashes."""

from __future__ import annotations

import json
import re
from typing import Any

from seatbelt.errors import UserError, refuse_newer_format
from seatbelt.records.identity import content_hash
from seatbelt.storage.base import Storage

FORMAT = 1

_FILE = re.compile(r"(weights|optimizer)-\d{6,}\.safetensors")


class DamagedError(Exception):
    """A manifest or a file of a checkpoint is missing or damaged."""


def tensor_file_name(kind: str, epoch: int) -> str:
    """Return the name of a file of tensors; `kind` is `weights` or `optimizer`."""
    return f"{kind}-{epoch:06d}.safetensors"


def manifest_name(epoch: int) -> str:
    """Return the name of the manifest of an epoch."""
    return f"epoch-{epoch:06d}.json"


def read_manifest(storage: Storage, name: str) -> dict[str, Any]:
    """Read and check a manifest.

    Raises:
        DamagedError: It cannot be read, was changed, or is no manifest.
        UserError: A newer version wrote it.
    """
    try:
        manifest: dict[str, Any] = json.loads(storage.read(name))
        refuse_newer_format(f"{storage.location}/{name}", manifest.get("format"), FORMAT)
        digest = manifest.pop("sha256")
        if manifest["format"] != FORMAT or digest != content_hash(manifest):
            raise DamagedError("its hash differs")
        _check_files(manifest)
    except (DamagedError, UserError):
        raise
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(f"the manifest cannot be read: {error}") from None
    return manifest


def _check_files(manifest: dict[str, Any]) -> None:
    """Check every value that becomes a path or a number of bytes: the sweep may come from anywhere.

    Raises:
        DamagedError: The manifest names other files than a checkpoint has.
    """
    files = manifest["files"]
    names_files = isinstance(files, dict) and set(files) <= {"weights", "optimizer", "best"}
    if (
        type(manifest["epoch"]) is not int
        or not names_files
        or not all(
            isinstance(entry, dict) and _FILE.fullmatch(str(entry["name"])) and type(entry["bytes"]) is int
            for entry in files.values()
        )
    ):
        raise DamagedError("it names no files of a checkpoint")
