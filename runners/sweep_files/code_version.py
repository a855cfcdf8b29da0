"""Hashes of the modules that decide the numbers of a training."""

from __future__ import annotations

import ast
import functools
import hashlib
import threading
from pathlib import Path

import seatbelt
from seatbelt.machine.packages import NUMERIC_PACKAGES, installed_version, installed_versions

_MODULES = (
    "data/augmentation/augmenter.py",
    "data/augmentation/camera.py",
    "data/augmentation/colour.py",
    "data/loading/decoded_cache.py",
    "data/partition/composition.py",
    "data/augmentation/elastic.py",
    "data/augmentation/fog.py",
    "data/datasets/labels.py",
    "data/augmentation/library.py",
    "data/loading/loader.py",
    "data/partition/mixture.py",
    "data/augmentation/pasting.py",
    "data/augmentation/registry.py",
    "data/partition/splits.py",
    "data/augmentation/transforms.py",
    "models/architectures.py",
    "models/colour_statistics.py",
    "models/decoders.py",
    "models/encoders.py",
    "models/inference.py",
    "models/losses.py",
    "models/tiling.py",
    "models/timm_weights.py",
    "training/averaging.py",
    "training/metrics.py",
    "training/micro_batch.py",
    "training/optimizer.py",
    "training/schedule.py",
    "training/trainer.py",
)

_OTHER_PACKAGES = ("seatbelt", "ray", "optuna", "pyarrow")


_PARSING = threading.Lock()


def code_hashes() -> dict[str, str]:
    """Return module -> hash of its syntax tree without docstrings: comments and layout change nothing."""
    # Python 3.11 cannot build two syntax trees at once: "AST constructor recursion depth mismatch".
    with _PARSING:
        return _hash_modules()


@functools.cache
def _hash_modules() -> dict[str, str]:
    root = Path(seatbelt.__file__).parent
    return {name: _hash((root / name).read_text(encoding="utf-8")) for name in _MODULES}


def changed_modules(recorded: dict[str, str]) -> list[str]:
    """Return the modules that differ from the recorded hashes."""
    now = code_hashes()
    return [name for name, digest in recorded.items() if now.get(name) != digest]


def package_versions() -> dict[str, str]:
    """Return the versions of this package and of packages that decide numbers."""
    return installed_versions((*_OTHER_PACKAGES, *NUMERIC_PACKAGES))


def changed_packages(recorded: dict[str, str]) -> list[str]:
    """Return the packages that decide numbers and have another version than recorded, each with both versions."""
    return [
        f"{name} {recorded[name]}, now {version or 'not installed'}"
        for name in NUMERIC_PACKAGES
        if name in recorded and (version := installed_version(name)) != recorded[name]
    ]


def _hash(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # A string on its own is documentation.
            node.body = [  # type: ignore[attr-defined]
                item for item in body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
            ]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]
