"""Reports and figures of a sweep in a bucket."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from runners.commands.dashboard import dashboard
from runners.commands.report import draw_figures, write_report
from seatbelt.errors import UserError
from seatbelt.storage.base import LocalStorage, copy_files, open_storage
from tests.analysis.conftest import write_sweep
from tests.analysis.numbers import DESCRIPTION, small_tables
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
