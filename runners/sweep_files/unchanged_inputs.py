"""Data sets and weights files must stay those that the recorded rows were trained with."""

from __future__ import annotations

from pathlib import Path

from runners.sweep_files.description import SweepDescription
from seatbelt.data.datasets.dataset import fingerprint, read
from seatbelt.errors import UserError
from seatbelt.models.weights import resolve


def check_data_unchanged(description: SweepDescription) -> None:
    """Compare the data sets with those of the recorded rows.

    Raises:
        UserError: One of them changed or is missing.
    """
    for source in description.data:
        if not Path(source.path).exists():
            raise UserError(
                f"data set {source.name} is not at {source.path} any more; if it was moved, `seatbelt resume SWEEP "
                "--data FOLDER` says where it is"
            )
        if fingerprint(read(Path(source.path))) != source.fingerprint:
            raise UserError(
                f"data set {source.path} changed since the sweep began, so that earlier rows would be false beside "
                "new ones; restore it, or start a new sweep with another --name"
            )


def check_weights_unchanged(description: SweepDescription) -> None:
    """Compare the weights files with those of the recorded rows.

    Raises:
        UserError: One of them changed or is missing.
    """
    folder = Path(description.weights_folder) if description.weights_folder else None
    if folder is not None and not folder.is_dir():
        raise UserError(f"the weights folder {folder} is not there any more; say where it is: --weights-folder FOLDER")
    for name, digest in description.weights.items():
        encoder, _, spec = name.partition(" ")
        if resolve(encoder, spec, folder=folder).sha256 != digest:
            raise UserError(
                f"the weights {spec} of {encoder} are not those that the sweep began with (sha256 {str(digest)[:12]}); "
                "bring the same file, or name its folder by --weights-folder"
            )
