from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.command_line import answer
from tests.conftest import draw_data


@pytest.fixture(scope="session")
def trained_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arms with two trials of two epochs on real images, with their weights; the data set lies beside it."""
    root = tmp_path_factory.mktemp("trained")
    data = draw_data(
        root / "stripes", "stripes", subjects=6, images=3, test_subjects=2, generations={"3": 4}, height=40, width=64
    )
    answer(
        *("sweep", "architecture", "--data", str(data), "--out", str(root), "--name", "s", "--max-epochs", "2"),
        *("--set", "encoder=lite0", "--set", "decoder=fpn,linknet", "--fix", "weights=none", "--fix", "real=true"),
        *("--fix", "generations=3", "--fix", "augmentation=none", "--size", "32x64", "--replicates", "2"),
        *("--engine", "in-process", "--quiet"),
    )
    return root / "s"


@pytest.fixture
def sweep(trained_sweep: Path, tmp_path: Path) -> Path:
    """A copy of the trained sweep."""
    return Path(shutil.copytree(trained_sweep, tmp_path / "s"))
