"""`seatbelt export` of a sweep in a bucket."""

from __future__ import annotations

import uuid
from pathlib import Path

import optuna
import pytest

from runners.export.run import export_sweeps
from seatbelt.storage.base import LocalStorage, copy_files, open_storage
from tests.analysis.conftest import write_sweep
from tests.runners.export.conftest import DESCRIPTION, small_tables
from tests.storage.server import BUCKET, Server


@pytest.mark.slow
def test_a_sweep_of_a_bucket_is_exported_beside_one_of_a_folder(s3: Server, tmp_path: Path) -> None:
    root = write_sweep(tmp_path / "here", description=DESCRIPTION, **small_tables())
    place = f"s3://{BUCKET}/{uuid.uuid4().hex}/there"
    copy_files(LocalStorage(root), open_storage(place))
    export_sweeps([str(root), place], [("--optuna", str(tmp_path / "o.db"))])
    names = optuna.get_all_study_names(f"sqlite:///{tmp_path / 'o.db'}")
    assert [name for name in names if "(" not in name] == ["here", "there"]
    study = optuna.load_study(study_name="there", storage=f"sqlite:///{tmp_path / 'o.db'}")
    assert study.best_value == 0.7
