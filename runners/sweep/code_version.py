"""What the numbers of a training depend on in this package's own code."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
from pathlib import Path

_MODULES = (
    "data/augmentation/augmenter.py",
    "data/loading/decoded_cache.py",
    "data/partition/composition.py",
    "data/augmentation/elastic.py",
    "data/augmentation/fog.py",
    "data/datasets/labels.py",
    "data/loading/loader.py",
    "data/partition/mixture.py",
    "data/partition/splits.py",
    "data/augmentation/transforms.py",
    "models/architectures.py",
    "models/losses.py",
    "training/metrics.py",
    "training/micro_batch.py",
    "training/state.py",
)

_NUMERIC_PACKAGES = (
    "torch",
    "torchvision",
    "segmentation-models-pytorch",
    "timm",
    "albumentations",
    "opencv-python-headless",
    "opencv-python",
    "numpy",
)
"""Packages whose other versions may give other numbers; OpenCV comes under either name."""

_OTHER_PACKAGES = ("seatbelt", "ray", "optuna", "pyarrow")


@functools.cache
def code_hashes() -> dict[str, str]:
    """Return module -> hash of its syntax tree without docstrings: comments and layout change nothing."""
    import seatbelt

    root = Path(seatbelt.__file__).parent
    return {name: _hash((root / name).read_text(encoding="utf-8")) for name in _MODULES}


def changed_modules(recorded: dict[str, str]) -> list[str]:
    """Return the modules that are not what they were."""
    now = code_hashes()
    return [name for name, digest in recorded.items() if now.get(name) != digest]


def package_versions() -> dict[str, str]:
    """Return the versions of this package and of those that numbers depend on."""
    versions = {name: _version(name) for name in (*_OTHER_PACKAGES, *_NUMERIC_PACKAGES)}
    return {name: version for name, version in versions.items() if version is not None}


def changed_packages(recorded: dict[str, str]) -> list[str]:
    """Return the packages that decide numbers and have another version than recorded, each with both versions."""
    return [
        f"{name} {recorded[name]}, now {version or 'not installed'}"
        for name in _NUMERIC_PACKAGES
        if name in recorded and (version := _version(name)) != recorded[name]
    ]


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _hash(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # A text that stands alone documents the code before or around it.
            node.body = [  # type: ignore[attr-defined]
                item for item in body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
            ]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]
