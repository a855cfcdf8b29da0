"""What the numbers of a training depend on in this package's own code."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
from pathlib import Path

_MODULES = (
    "data/augment.py",
    "data/cache.py",
    "data/composition.py",
    "data/elastic.py",
    "data/fog.py",
    "data/labels.py",
    "data/loader.py",
    "data/mixture.py",
    "data/splits.py",
    "data/transforms.py",
    "models/architectures.py",
    "models/losses.py",
    "training/metrics.py",
    "training/micro_batch.py",
    "training/state.py",
)

_PACKAGES = (
    "seatbelt",
    "ray",
    "torch",
    "segmentation-models-pytorch",
    "albumentations",
    "optuna",
    "pyarrow",
)


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
    return {name: importlib.metadata.version(name) for name in _PACKAGES}


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
