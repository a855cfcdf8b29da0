"""A finished sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

from runners.sweep_files.folder import SweepFolder
from tests.runners.conftest import describe
from tests.runners.session.test_driver import run_to_the_end


@pytest.fixture
def finished(tmp_path: Path) -> SweepFolder:
    folder = SweepFolder(tmp_path / "sweep")
    folder.create(describe())
    run_to_the_end(folder)
    return folder
