"""SQL over a sweep: the tables and nothing else."""

from __future__ import annotations

import datetime
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from analysis import Sweep
from analysis.answers.query import query
from analysis.text.tables import format_answer
from seatbelt.errors import UserError
from tests.analysis.conftest import NOON, MakeSweep, trial


def test_it_answers_over_all_four_tables(make_sweep: MakeSweep) -> None:
    sweep = make_sweep(
        trials=[trial("a", "x", iou=0.5)],
        epochs=[{"trial_key": "a", "epoch": 1, "train_loss": 0.5}, {"trial_key": "a", "epoch": 2}],
        images=[{"trial_key": "a", "image": "i.png", "iou": 0.25}],
        decisions=[{"number": 0, "kind": "proposal"}],
    )
    names, rows = query(
        sweep,
        "select t.trial_key, count(*) as n, any_value(i.iou) as iou, any_value(d.kind) as kind "
        "from trials t join epochs e using (trial_key) join images i using (trial_key), decisions d "
        "group by 1",
    )
    assert names == ["trial_key", "n", "iou", "kind"]
    assert rows == [("a", 2, 0.25, "proposal")]


def test_values_are_plain_and_times_are_utc(replicated: Sweep) -> None:
    names, rows = query(
        replicated,
        "select planned_at, sum(epochs_done) over (), 1.5 as d, null as e, true as f, [1, 2] as g from trials limit 1",
    )
    assert names[0] == "planned_at"
    assert rows == [(NOON, 9 * 4 + 3, 1.5, None, True, [1, 2])]
    assert rows[0][0].utcoffset() == datetime.timedelta(0)
    assert [type(value) for value in rows[0][1:3]] == [int, float]


def test_every_column_can_be_selected(replicated: Sweep) -> None:
    names, rows = query(replicated, "select * from trials")
    assert names[:3] == ["trial_key", "arm_key", "number"]
    assert len(rows) == 6
    assert len(format_answer(names, rows, "table").splitlines()) == 8


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('{secret}')",
        "select * from read_blob('{secret}')",
        "select * from read_parquet('{root}/trials/*.parquet')",
        "select * from glob('/etc/*')",
        "select * from sniff_csv('{secret}')",
        "select * from read_parquet('https://example.org/x.parquet')",
    ],
)
def test_files_and_network_are_out_of_reach(
    replicated: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    def refuse(*_: Any) -> None:
        pytest.fail("it opens a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nhunter2\n")
    with pytest.raises(UserError, match=r"^the query is refused: Permission Error: .* disabled ") as caught:
        query(replicated, sql.format(secret=secret, root=replicated.root))
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_variables_of_the_program_are_out_of_reach(replicated: Sweep) -> None:
    import pandas as pd

    secret = pd.DataFrame({"a": [1]})
    with pytest.raises(UserError, match="Table with name secret does not exist"):
        query(replicated, "select * from secret")
    assert len(secret) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "from trials limit 1",
        "with a as (select 1) select * from a",
        "values (1)",
        "describe trials",
        "summarize trials",
        "show tables",
        "pivot trials on status using count(*)",
        "select * from (pivot trials on status using count(*))",
    ],
)
def test_whatever_asks_is_answered(replicated: Sweep, sql: str) -> None:
    assert query(replicated, sql)[1]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("selekt 1", 'Parser Error: syntax error at or near "selekt"$'),
        ("select nothing from trials", 'Binder Error: Referenced column "nothing" not found in FROM clause!'),
        ("select * from nowhere", "Catalog Error: Table with name nowhere does not exist!"),
        ("select error('boom')", "boom"),
        ("select cast('x' as int)", "Conversion Error: Could not convert string 'x' to INT32"),
        ("select ?", "Invalid Input Error"),
    ],
)
def test_bad_sql_is_refused_with_a_reason_in_one_line(replicated: Sweep, sql: str, what: str) -> None:
    with pytest.raises(UserError, match=f"^the query is refused: .*{what}") as caught:
        query(replicated, sql)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("sql", "count"), [("", 0), ("-- nothing", 0), ("select 1; select 2", 2)])
def test_a_query_must_be_one_statement(replicated: Sweep, sql: str, count: int) -> None:
    with pytest.raises(UserError, match=f"^the query must be one SQL statement, but got {count}$"):
        query(replicated, sql)


def test_a_semicolon_at_the_end_is_no_second_statement(replicated: Sweep) -> None:
    assert query(replicated, "select 1 as one;") == (["one"], [(1,)])


def test_rows_are_written_as_table_json_and_csv() -> None:
    names = ["name", "iou", "n", "at"]
    rows = [("a, b", 0.51239, 3, NOON), (None, None, 12, None)]
    assert format_answer(names, rows, "table").splitlines() == [
        "name     iou   n  at",
        "a, b  0.5124   3  2026-03-01 12:00:00+00:00",
        "-          -  12  -",
        "(2 rows)",
    ]
    assert json.loads(format_answer(names, rows, "json")) == [
        {"name": "a, b", "iou": 0.51239, "n": 3, "at": "2026-03-01 12:00:00+00:00"},
        {"name": None, "iou": None, "n": 12, "at": None},
    ]
    assert format_answer(names, rows, "csv").splitlines() == [
        "name,iou,n,at",
        '"a, b",0.51239,3,2026-03-01 12:00:00+00:00',
        ",,12,",
    ]


def test_an_answer_without_rows_keeps_its_columns() -> None:
    assert format_answer(["a"], [], "table") == "a\n(0 rows)"
    assert format_answer(["a"], [], "json") == "[]"
    assert format_answer(["a"], [], "csv") == "a"


def test_json_loses_no_column_and_holds_no_nan() -> None:
    rows = [(1, float("nan"), {"x": [float("inf")]})]
    assert json.loads(format_answer(["a", "a", "a_1"], rows, "json")) == [{"a": 1, "a_1": None, "a_1_1": {"x": [None]}}]


def test_a_table_shows_small_rates_and_stays_in_its_lines() -> None:
    text = format_answer(["rate", "error"], [(0.00003, "one\ntwo"), (0.0, "x" * 99)], "table")
    assert text.splitlines() == [
        "  rate  error",
        " 3e-05  one two",
        "0.0000  " + "x" * 57 + "...",
        "(2 rows)",
    ]
