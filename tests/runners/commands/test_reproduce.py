"""`seatbelt reproduce`, and a sweep whose trials all fail."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import answer, seatbelt
from tests.conftest import MakeData
from tests.runners.engines.test_engines import sweep_arguments


@pytest.mark.slow
def test_a_trial_is_trained_again_with_the_same_numbers(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(subjects=6, images=2, test_subjects=2)
    options = ["--max-epochs", "2", "--trials", "1", "--engine", "in-process"]
    answer(*sweep_arguments(data, tmp_path, "s", *options))
    key = pd.read_parquet(tmp_path / "s" / "trials")["trial_key"][0]
    again = answer("reproduce", str(tmp_path / "s"), key[:6])
    assert again.count(": identical") == 2
    assert "every number is the same" in again


@pytest.mark.slow
def test_a_sweep_whose_trials_all_fail_fails(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(subjects=6, images=2, test_subjects=2)
    options = ["--max-epochs", "1", "--engine", "in-process", "--device", "nonsense"]
    result = seatbelt(*sweep_arguments(data, tmp_path, "s", *options))
    assert result.code == 1, result.err
    assert "FAILED: device 'nonsense' cannot be used" in result.err
    assert "Traceback" not in result.err
    trials = pd.read_parquet(tmp_path / "s" / "trials")
    assert trials["failures"].tolist() == [1, 1], "an error that would come again is final"
