"""Several sweeps as one, and the tables that are derived from the recorded ones."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis import load, load_all
from analysis.answers.query import query
from analysis.answers.ranking import best
from analysis.text.ranking import ranking_text
from seatbelt.errors import UserError
from tests.analysis.conftest import MakeSweep, write_sweep
from tests.analysis.numbers import DESCRIPTION, arm_trial, small_tables


@pytest.fixture
def both(tmp_path: Path) -> Path:
    write_sweep(tmp_path / "first", description=DESCRIPTION, **small_tables())
    one = arm_trial("ff0", "resnet18", "linknet", 0, 0.9, number=0)
    write_sweep(tmp_path / "second", description=DESCRIPTION, trials=[one])
    (tmp_path / "notes").mkdir()
    return tmp_path


@pytest.mark.slow
def test_tables_begin_with_the_sweep(both: Path) -> None:
    sweeps = load_all(both / "*")
    assert list(sweeps.sweeps) == ["first", "second"]
    assert sweeps.trials["sweep"].tolist() == ["first"] * 6 + ["second"]
    for table in ("trials", "epochs", "images", "decisions", "stages", "cells"):
        frame = getattr(sweeps, table)
        assert list(frame.columns) == ["sweep", *getattr(sweeps.sweeps["first"], table).columns]
        assert len(frame) == sum(len(getattr(sweep, table)) for sweep in sweeps.sweeps.values())
    assert sweeps.cells["decoder"].cat.categories.tolist() == ["unet", "fpn", "linknet"]
    assert sweeps.arms()[["sweep", "decoder", "replicates"]].values.tolist() == [
        ["first", "unet", 3],
        ["first", "fpn", 3],
        ["second", "linknet", 1],
    ]


def test_names_are_unique_and_a_sweep_counts_once(both: Path, tmp_path: Path) -> None:
    write_sweep(tmp_path / "other" / "first")
    (tmp_path / "link").symlink_to(both / "first")
    sweeps = load_all([both / "first", both / "link", both / "first/", tmp_path / "other" / "first", both / "second"])
    assert list(sweeps.sweeps) == [f"{tmp_path.name}/first", "other/first", "second"]


def test_locations_that_are_no_sweeps_are_refused(both: Path) -> None:
    with pytest.raises(UserError, match=r"^no sweep matches '.*/x\*'"):
        load_all(both / "x*")
    with pytest.raises(UserError, match=r"notes is no sweep: it has no sweep\.json"):
        load_all([both / "first", both / "notes"])
    with pytest.raises(UserError, match="is a pattern, but buckets are not searched"):
        load_all("s3://bucket/sweeps/*")
    with pytest.raises(UserError, match=r"^no sweeps were given"):
        load_all([])
    write_sweep(both / "a[1]*")
    assert list(load_all(both / "a[1]*").sweeps) == ["a[1]*"]


def test_sql_over_several(both: Path) -> None:
    sweeps = load_all([both / "first", both / "second"])
    assert query(sweeps, "select sweep, count(*) from trials group by 1 order by 1") == (
        ["sweep", "count_star()"],
        [("first", 6), ("second", 1)],
    )
    assert query(sweeps, "select * from stages")[0][:2] == ["sweep", "stage_key"]


def test_the_best_of_several(both: Path) -> None:
    ranking = best(load_all([both / "first", both / "second"]))
    assert [(arm.sweep, arm.arm_key) for arm in ranking.arms] == [
        ("second", "resnet18-linknet"),
        ("first", "resnet18-unet"),
        ("first", "resnet18-fpn"),
    ]
    assert (ranking.several, ranking.mixed) == (True, False)
    assert ranking.baselines == {"all background": 0.25, "mean mask": 0.5}
    text = ranking_text(ranking, "both")
    assert text.splitlines()[1].startswith("   1  second  resnet18  linknet  ")
    assert f"seatbelt reproduce {both}/second best" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"selection": [[0, 1]]},
            "(2 images of belts, target seat_belt: first; 1 images of belts, target seat_belt: other)",
        ),
        ({"data": [{"path": "belts", "name": "belts", "fingerprint": "e" * 64}]}, "(2 images of belts"),
        ({"base": {"data": {"target": "hair"}}}, "2 images of belts, target hair: other"),
        (
            {"base": {"data": {"target": "seat_belt", "height": 96, "width": 128}}},
            "2 images of belts at 96x128, target seat_belt: other",
        ),
    ],
)
def test_scores_of_different_selection_sets_do_not_compare(both: Path, change: dict[str, Any], message: str) -> None:
    trial = arm_trial("0f0", "resnet18", "unet", 0, 0.65)
    write_sweep(both / "other", description=DESCRIPTION | change | {"baselines": {"x": 0.1}}, trials=[trial])
    sweeps = load_all([both / "first", both / "other"])
    with pytest.raises(UserError, match="scored on different selection sets") as caught:
        best(sweeps)
    assert message in str(caught.value)
    assert str(caught.value).endswith("give sweeps of one set, or --mixed")
    ranking = best(sweeps, mixed=True)
    # One arm in two sweeps is two rows.
    assert [(arm.sweep, arm.rank) for arm in ranking.arms] == [("first", 1), ("other", 2), ("first", 3)]
    assert ranking.baselines == {"all background (first)": 0.25, "mean mask (first)": 0.5, "x (other)": 0.1}
    assert ranking_text(ranking, "both").startswith("MIXED: the sweeps are scored on different selection sets")


def test_a_ranking_of_an_unfinished_sweep_says_so(make_sweep: MakeSweep) -> None:
    trials = [arm_trial("a", "e", "d", 0, 0.5), arm_trial("b", "e", "d", 1, None, status="PLANNED")]
    sweep = make_sweep(trials=trials)
    assert "provisional: the sweep is not finished (1 PLANNED)" in ranking_text(best(sweep), sweep.root)


def test_arms_are_ranked_with_intervals(both: Path) -> None:
    arms = load(both / "first").arms()
    assert arms["arm_key"].tolist() == ["resnet18-unet", "resnet18-fpn"]
    assert arms["decoder"].cat.categories.tolist() == ["unet", "fpn"]
    first = arms.iloc[0]
    assert (first["replicates"], first["subjects"], first["best_trial"]) == (3, 2, "0a2")
    assert first["selection_iou"] == pytest.approx(0.7)
    assert first["selection_sd"] == pytest.approx(0.1)
    assert first["selection_low"] == pytest.approx(0.7 - 4.302653 * 0.1 / math.sqrt(3), abs=1e-6)
    # Person p0 has 0.55 on the test images, p1 has 0.5.
    assert (first["test_low"], first["test_high"]) == pytest.approx((0.5, 0.55))
    assert load(both / "first").arms(test_intervals=False)["test_low"].isna().all()
    assert load(both / "first").arms("confirmation").empty


def test_cells_have_named_arms_and_ranges(make_sweep: MakeSweep) -> None:
    factors = [{"name": "rate", "levels": {}, "range": {"field": "x", "low": 0, "high": 1, "log": False}}]
    factors += [{"name": "decoder", "levels": {"unet": {}, "fpn": {}}, "range": None}]
    cells = [{"rate": "0.01", "decoder": "fpn"}, {"arm": "none"}]
    trials = [arm_trial(str(i), "e", "d", i, 0.5) | {"cell": json.dumps(cell)} for i, cell in enumerate(cells)]
    sweep = make_sweep(description={"factors": factors}, trials=trials)
    assert sweep.factors == {"rate": [], "decoder": ["unet", "fpn"]}
    table = sweep.cells
    assert list(table.columns) == ["trial_key", "arm_key", "replicate", "rate", "decoder", "arm"]
    assert table["rate"].tolist() == pytest.approx([0.01, math.nan], nan_ok=True)
    assert table["decoder"].cat.categories.tolist() == ["unet", "fpn"]
    assert table["arm"].tolist()[1] == "none" and pd.isna(table["arm"][0])


def test_stages_list_the_trials_that_begin_with_them(make_sweep: MakeSweep) -> None:
    def user(key: str, stage: str, reused: bool, seconds: float) -> dict[str, Any]:
        columns = {"stage_key": stage, "stage_reused": reused, "stage_seconds": seconds}
        return arm_trial(key, key, "fpn", 0, 0.5, number=int(key[1:])) | columns

    stage = arm_trial("s1", "e", "fpn", 0, 0.4, role="stage", number=0, generations="2+3") | {"train_seconds": 30.0}
    users = [user("u1", "s1", False, 30.0), user("u2", "s1", True, 30.0), user("u3", "u1", False, 7.0)]
    sweep = make_sweep(trials=[stage, *users, user("u4", "stored", True, 9.0)])
    rows = sweep.stages.set_index("stage_key").to_dict(orient="index")
    assert set(rows) == {"s1", "u1", "stored"}
    one = rows["s1"]
    assert (one["role"], one["users"], one["used_by"], one["first_user"]) == ("stage", 2, "u1+u2", "u1")
    assert (one["seconds"], one["seconds_saved"], one["generations"]) == (30.0, 30.0, "2+3")
    assert (rows["u1"]["role"], rows["u1"]["used_by"], rows["u1"]["seconds_saved"]) == ("arm", "u3", 0.0)
    assert (rows["stored"]["from_store"], rows["stored"]["seconds_saved"]) == (True, 9.0)
    assert query(sweep, "select stage_key from stages order by 1")[1] == [("s1",), ("stored",), ("u1",)]


def test_the_text_of_a_sweep_counts_its_trials(both: Path) -> None:
    sweep = load(both / "first")
    assert repr(sweep) == f"<Sweep first at {both}/first: 6 COMPLETE>"
    assert "resnet18" in sweep._repr_html_() and "&lt;Sweep first" in sweep._repr_html_()
    assert repr(load_all(both / "*")).splitlines()[0] == "<2 sweeps>"
    assert "<li>&lt;Sweep second" in load_all(both / "*")._repr_html_()
    hostile = arm_trial("x", "<script>\x1b[31m", "d", 0, 0.5, status="\x1b[2J")
    loaded = load(write_sweep(both / "hostile", trials=[hostile, hostile | {"status": "COMPLETE"}]))
    assert repr(loaded).isprintable()
    assert "<script>" not in loaded._repr_html_()
    (both / "first" / "trials" / "00000.parquet").write_bytes(b"damaged")
    assert "cannot be read" in repr(sweep) and "cannot be read" in sweep._repr_html_()
