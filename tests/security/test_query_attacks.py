"""SQL of a user: it reads the tables and nothing else, within limits of time and memory."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import duckdb
import pytest

from analysis import Sweep, load, load_all
from analysis.answers.query import query, query_parquet
from analysis.answers.query_limits import lock
from analysis.text.tables import format_answer
from seatbelt.errors import UserError
from tests.analysis.conftest import trial, write_sweep
from tests.command_line import mistake


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return load(write_sweep(tmp_path / "s", trials=[trial("a1", "x", iou=0.5), trial("b1", "y", iou=0.6)]))


STATEMENTS = [
    "copy trials from '{secret}'",
    "copy trials to '{out}'",
    "copy (select 1) to '/dev/stdout'",
    "export database '{out}'",
    "import database '{out}'",
    "attach '{out}' as other",
    "create secret s (type s3)",
    "create table x as select 1",
    "create or replace macro count(x) as 1",
    "install httpfs",
    "load httpfs",
    "load '{out}'",
    "set enable_external_access=true",
    "set lock_configuration=false",
    "reset lock_configuration",
    "set memory_limit='99GB'",
    "pragma enable_profiling",
    "pragma database_list",
    "call pragma_version()",
    "checkpoint",
    "begin",
    "prepare p as select 1",
    "explain analyze delete from trials",
    "insert into trials select * from trials",
    "update trials set trial_key = 'x'",
    "delete from trials",
    "drop table trials",
    "vacuum",
]


@pytest.mark.parametrize("sql", STATEMENTS)
def test_only_questions_are_taken(sweep: Sweep, tmp_path: Path, sql: str) -> None:
    secret, out = tmp_path / "secret.csv", tmp_path / "out"
    secret.write_text("a\nhunter2\n")
    with pytest.raises(UserError, match=r"^the query must only read .*, but is [A-Z_]+$"):
        query(sweep, sql.format(secret=secret, out=out))
    assert not out.exists()


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('{secret}')",
        "select * from read_text('{secret}')",
        "select * from read_blob('{secret}')",
        "select * from read_json('{secret}')",
        "select * from '{secret}'",
        "select * from glob('/etc/*')",
        "select * from sniff_csv('{secret}')",
        "select * from parquet_metadata('{secret}')",
        "select * from duckdb_secrets()",
        "select * from query('select * from read_csv(''{secret}'')')",
        "select * from query_table('{secret}')",
        "select * from read_parquet('https://example.org/x.parquet')",
        "select * from read_parquet('s3://bucket/x.parquet')",
        "select * from sqlite_scan('{secret}', 'x')",
        "select getenv('HOME')",
        "with x as (delete from trials returning *) select * from x",
    ],
)
def test_files_network_and_environment_are_out_of_reach(sweep: Sweep, tmp_path: Path, sql: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nhunter2\n")
    with pytest.raises(UserError, match=r"^the query is refused: ") as caught:
        query(sweep, sql.format(secret=secret))
    assert "hunter2" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("sql", ["select * from read_csv('{secret}')", "select * from '{secret}'", "drop view stages"])
def test_several_sweeps_are_locked_too(tmp_path: Path, sql: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nhunter2\n")
    names = ["it's", "' union select * from read_csv('x"]
    for name in names:
        write_sweep(tmp_path / "sweeps" / name, trials=[trial("a1", "x", iou=0.5)])
    sweeps = load_all(tmp_path / "sweeps" / "*")
    assert sorted(query(sweeps, "select sweep from trials")[1]) == sorted((name,) for name in names)
    for ask in (query, query_parquet):
        with pytest.raises(UserError, match=r"^the query (is refused|must only read)") as caught:
            ask(sweeps, sql.format(secret=secret))
        assert "hunter2" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("sql", ["select repeat('x', 1000000) from range(100000)", "select * from range(10000000000)"])
def test_parquet_files_are_bounded_too(sweep: Sweep, sql: str) -> None:
    with pytest.raises(UserError, match="needs more than"):
        query_parquet(sweep, sql, memory=0.3)
    with pytest.raises(UserError, match="took longer than"):
        query_parquet(sweep, "select count(*) from range(1000000) a, range(1000000) b, range(1000000) c", timeout=0.3)


def test_settings_stay_locked_whatever_statement_gets_through() -> None:
    with duckdb.connect() as connection:
        lock(connection)
        for sql in ("set enable_external_access=true", "set lock_configuration=false", "reset memory_limit"):
            with pytest.raises(duckdb.Error, match="the configuration has been locked"):
                connection.execute(sql)
        with pytest.raises(duckdb.PermissionException, match="file system operations are disabled"):
            connection.execute("attach 'x.db'")


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from range(1000000) a, range(1000000) b, range(1000000) c",
        "with recursive r as (select 1 as x union all select x + 1 from r) select max(x) from r",
    ],
)
def test_a_query_without_end_is_interrupted(sweep: Sweep, sql: str) -> None:
    started = time.monotonic()
    with pytest.raises(UserError, match=r"^the query took longer than 0.5 s; ask for less, or raise --timeout$"):
        query(sweep, sql, timeout=0.5)
    assert time.monotonic() - started < 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "select len(range(400000000))",
        "select length(repeat('x', 3000000000))",
        "select * from range(10000000000)",
        "select list(range::varchar || repeat('y', 10000)) from range(100000)",
        "select a.range, b.range from range(100000) a, range(100000) b order by 1 desc, 2",
        "select repeat('x', 1000000) from range(100000)",
    ],
)
def test_a_query_that_needs_too_much_memory_is_refused(sweep: Sweep, sql: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(UserError, match=r"^the query needs more than 0.3 GB of memory; ask for less, or raise --mem"):
        query(sweep, sql, memory=0.3)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2e6, "KiB"
    assert resource.getrlimit(resource.RLIMIT_AS) == limits
    assert query(sweep, "select 1 as one") == (["one"], [(1,)])


@pytest.mark.slow
def test_nothing_is_spilled_to_a_disk(sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="needs more than"):
        query(sweep, "select * from range(30000000) order by hash(range)", memory=0.1)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("more", "text"),
    [(["--timeout", "0.2"], "took longer than 0.2 s"), (["--memory", "0.05"], "needs more than 0.05 GB of memory")],
)
def test_the_command_line_has_both_limits(sweep: Sweep, more: list[str], text: str) -> None:
    sql = "select list(a.range) from range(1000000) a, range(1000000) b"
    assert text in mistake("query", str(sweep.root), sql, *more)


def test_no_cell_of_a_csv_is_a_formula() -> None:
    rows = [("=1+1", "+1", "-1", "@x", "\tx", "\r=x", "a\r=b", "a\n=b", "a=b", "'=x", "")]
    header, line = format_answer(["=cmd", *"bcdefghijk"], rows, "csv").split("\n", 1)
    assert header == "'=cmd,b,c,d,e,f,g,h,i,j,k"
    assert line == "'=1+1,'+1,'-1,'@x,'\tx,'\\r=x,a\\r=b,\"a\n=b\",a=b,'=x,"
    numbers = [(-1, -0.5, True, None)]
    assert format_answer(list("abcd"), numbers, "csv") == "a,b,c,d\n-1,-0.5,True,"


@pytest.mark.slow
def test_limits_hold_while_tables_are_read(sweep: Sweep) -> None:
    """A file of some kB that unpacks to 2 GB is refused before it takes more memory than a query may."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = next((Path(sweep.root) / "trials").glob("*.parquet"))
    table = pq.read_table(place)
    count, columns = 200_000, []
    zeros = pa.array([0] * count, pa.int32())
    for field in table.schema:
        text = "x" * 3000 if field.name in ("error", "cell", "versions") else table[field.name][0].as_py()
        single = pa.array([text], field.type)
        packed = pa.types.is_string(field.type) and text
        columns.append(pa.DictionaryArray.from_arrays(zeros, single) if packed else single.take(zeros))
    bomb = pa.Table.from_arrays(columns, names=table.schema.names)
    pq.write_table(bomb, place, compression="zstd", store_schema=False)
    assert place.stat().st_size < 2_000_000
    with pytest.raises(UserError, match=r"the query needs more than 0\.2 GB of memory"):
        query(sweep, "select 1", memory=0.2)
    with pytest.raises(UserError, match=r"the query took longer than 0\.001 s"):
        query(sweep, "select 1", timeout=0.001)
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
