"""The embedded scenes as a ready data set: what a sweep uses when the user brings no data."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from filelock import FileLock

from runners.terminal import progress_bar
from seatbelt.data.scenes import write_dataset
from seatbelt.machine.cache_folder import cache_folder

_IMAGES = {"1": 200, "2": 200, "3": 200, "4": 200, "5": 200, "6": 200, "camera": 563}
_SIZE = (212, 120)


def embedded_scenes() -> Path:
    """Return the folder of the default scenes, rendered once per machine.

    Six generations of 200 images and the `camera` stand-in for real images (341 training and 222 test images).
    """
    folder = cache_folder() / "scenes" / "default-2"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "dataset.json").exists():
            print(f"rendering {sum(_IMAGES.values())} embedded scenes into {folder}", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            with progress_bar("scenes") as progress:
                write_dataset(folder, generations=_IMAGES, size=_SIZE, processes=os.cpu_count() or 1, progress=progress)
    return folder
