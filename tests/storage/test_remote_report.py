"""Reports and figures of a sweep in a bucket."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from runners.api.list_sweeps import list_sweeps
from runners.commands.dashboard import dashboard
from runners.commands.report import draw_figures, write_report
from runners.sweep_files.folder import SweepFolder
from seatbelt.errors import UserError
from seatbelt.storage.base import LocalStorage, copy_files, open_storage
from tests.analysis.conftest import write_sweep
from tests.analysis.numbers import DESCRIPTION, small_tables
from tests.runners.conftest import describe
from tests.runners.session.test_driver import run_to_the_end
from tests.storage.server import BUCKET, Server


@pytest.fixture
def location(s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "machine"))
    root = write_sweep(tmp_path / "sweep", description=DESCRIPTION | {"rungs": [2]}, **small_tables())
    place = f"s3://{BUCKET}/{uuid.uuid4().hex}/sweep"
    copy_files(LocalStorage(root), open_storage(place))
    return place


@pytest.mark.slow
def test_a_report_on_a_sweep_in_a_bucket(location: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lies in a bucket; name a folder for the files: --out"):
        write_report([location], form="html", out=None)
    file = write_report([location], form="html", out=tmp_path / "report.html")
    text = file.read_text()
    assert "Best configuration: decoder=unet" in text
    assert f"seatbelt reproduce {location}" in text
    assert len(open_storage(location).names("state/test-read")) == 1


def test_figures_of_a_sweep_in_a_bucket(location: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lies in a bucket"):
        list(draw_figures([location], only=(), form="png", out=None, factors=()))
    messages = list(draw_figures([location], only=("curves",), form="csv", out=tmp_path / "figures", factors=()))
    assert messages == [str(tmp_path / "figures" / "curves.csv")]


@pytest.mark.slow
def test_a_dashboard_of_a_sweep_in_a_bucket(location: str) -> None:
    with dashboard([location], port=0, every=60) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_the_sweeps_below_a_prefix_of_a_bucket_are_listed(s3: Server, tmp_path: Path) -> None:
    prefix = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    local = SweepFolder(tmp_path / "first")
    local.create(describe())
    run_to_the_end(local)
    copy_files(local.files, open_storage(f"{prefix}/first"))
    open_storage(f"{prefix}/damaged").write("sweep.json", b"{")
    sweeps = {sweep.name: sweep for sweep in list_sweeps(prefix)}
    assert list(sweeps) == ["first", "damaged"]
    first = sweeps["first"]
    assert (first.state, first.trials, first.most_trials, first.epochs) == ("finished", 4, None, 12)
    assert first.location == f"{prefix}/first"
    assert sweeps["damaged"].state == "damaged"
    assert [sweep.name for sweep in list_sweeps(f"{prefix}/first")] == ["first"]
    with pytest.raises(UserError, match="holds no sweeps"):
        list_sweeps(f"{prefix}/nothing")
