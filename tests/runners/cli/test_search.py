"""`simulate` and `recommend` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import answer, mistake
from tests.conftest import ROOT

RECORDED = str(ROOT / "tests" / "benchmarks" / "recorded" / "architecture")
SMALL = ("--seeds", "2", "--budget", "150", "--jobs", "1", "--quiet")


@pytest.mark.slow
def test_simulate_writes_a_table_and_continues_with_it(tmp_path: Path) -> None:
    out, figures = tmp_path / "simulated.parquet", tmp_path / "figures"
    strategies = ("--strategy", "random/none", "--strategy", "ray")
    output = answer("simulate", "arch:slow", *strategies, *SMALL, "--out", str(out), "--figure", str(figures))
    assert "arch:slow: 2 sweeps each, budget 150 epochs of the average arm" in output
    assert "random/none" in output
    rows = pd.read_parquet(out)
    assert len(rows) == 2 * 2 * 50
    assert set(rows["strategy"]) == {"random/none", "ray"}
    assert (rows["spent"] <= 150).all() and (rows["regret"] >= 0).all()
    assert (figures / "regret-arch-slow.png").stat().st_size > 10_000
    written = out.stat().st_mtime_ns
    assert answer("simulate", "arch:slow", *strategies, *SMALL, "--out", str(out)) in output
    assert out.stat().st_mtime_ns == written, "nothing was missing"
    answer("simulate", "arch:slow", "--strategy", "exhaustive/none", *SMALL, "--out", str(out))
    assert len(pd.read_parquet(out)) == 3 * 2 * 50


@pytest.mark.slow
def test_a_recorded_sweep_is_replayed() -> None:
    rows = json.loads(answer("simulate", RECORDED, "--strategy", "factorial/none", *SMALL, "--json"))
    assert [(row["strategy"], row["n"]) for row in rows] == [("factorial/none", 2)]
    assert rows[0]["final"] < 0.25


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("arch:slo",), "no synthetic world 'arch:slo'; write SPACE:FAMILY"),
        (("nowhere",), "nowhere is no sweep"),
        (("arch:slow", "--strategy", "tpe"), "no strategy 'tpe'; write PROPOSE/PRUNE"),
        (("arch:slow", "--reference", "random/none"), "--reference random/none is none of the strategies"),
        (("arch:slow", "--out", __file__), "cannot be read as a Parquet table"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], what: str) -> None:
    assert what in mistake("simulate", *arguments, *SMALL)


def test_a_dry_run_simulates_nothing() -> None:
    output = answer("simulate", "joint:fast", RECORDED, "--dry-run")
    assert "joint:fast: 4 strategies x 20 sweeps, each 1,500 epochs of the average arm" in output
    assert "each 540 epochs" in output
