from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import MakeData
from tests.faults.kills import disturb


@pytest.mark.slow
def test_a_driver_and_a_worker_are_killed(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(subjects=8, images=3, test_subjects=2)
    report = disturb(data, tmp_path / "sweeps", drivers=1, workers=1, seed=1, epochs=4, decoders="fpn,linknet")
    assert report.driver_kills + report.worker_kills >= 2
    assert report.acknowledged_lost == 0
    assert report.duplicates == 0
    assert report.acknowledged_trained_again == 0
    assert report.differences == []
    assert report.passed()
