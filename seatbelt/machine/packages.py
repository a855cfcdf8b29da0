"""The packages whose versions can change the numbers of a training."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

NUMERIC_PACKAGES = (
    "torch",
    "torchvision",
    "segmentation-models-pytorch",
    "timm",
    "albumentations",
    "opencv-python-headless",
    "opencv-python",
    "numpy",
)
"""OpenCV is installed under either name."""


def installed_version(name: str) -> str | None:
    """Return the version of a package, None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    versions = ((name, installed_version(name)) for name in names)
    return {name: version for name, version in versions if version is not None}
