from __future__ import annotations

import io
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.sweep_files.parquet_file import FileVersion, first_version, next_version, whole_file
from seatbelt.records.arrow import arrow_schema
from seatbelt.records.tables import TABLES


def rows(count: int, salt: int = 0) -> pa.Table:
    return pa.table(
        {
            "number": pa.array(range(count), pa.int64()),
            "text": pa.array([f"{salt}-{i * i}" if i % 3 else None for i in range(count)], pa.string()),
            "share": pa.array([i / 7 for i in range(count)], pa.float64()),
            "flag": pa.array([i % 2 == 0 for i in range(count)], pa.bool_()),
        }
    )


def read(data: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(data))


@pytest.mark.slow
@given(counts=st.lists(st.integers(0, 300), min_size=2, max_size=12))
def test_a_reader_one_version_behind_finds_everything_in_place(counts: list[int]) -> None:
    version = first_version(rows(counts[0]))
    for salt, count in enumerate(counts[1:], start=1):
        before, version = version, next_version(rows(count, salt), version)
        assert read(version.data).equals(rows(count, salt))
        size = len(before.data)
        assert version.data[before.start : before.end] == before.data[before.start : before.end]
        footer = int.from_bytes(before.data[-8:-4], "little") + 8
        assert version.data[size - footer : size] == before.data[-footer:]


def test_gaps_are_used_again() -> None:
    version = first_version(rows(1000))
    plain = len(version.data)
    for salt in range(100):
        version = next_version(rows(1000, salt), version)
    footer = int.from_bytes(version.data[-8:-4], "little") + 8
    assert len(version.data) < 4 * plain + 101 * footer


@pytest.mark.parametrize("table", TABLES)
def test_every_reader_reads_a_later_version(tmp_path: Path, table: str) -> None:
    schema = arrow_schema(table)
    version: FileVersion = first_version(schema.empty_table())
    columns = {
        field.name: pa.array([None, None], field.type) if i % 2 else pa.nulls(2, field.type)
        for i, field in enumerate(schema)
    }
    columns[schema.names[0]] = pa.array(["a", "b"] if pa.types.is_string(schema[0].type) else [1, 2], schema[0].type)
    content = pa.table(columns, schema=schema)
    for _ in range(3):
        version = next_version(content, version)
    path = tmp_path / "part.parquet"
    path.write_bytes(version.data)
    assert pq.read_table(path).equals(content)
    assert pq.read_schema(path).equals(schema, check_metadata=True)
    assert pl.read_parquet(path).height == 2
    first = schema.names[0]
    assert duckdb.sql(f"select count({first}), count(distinct {first}) from '{path}'").fetchall() == [(2, 2)]


def test_a_file_of_an_earlier_driver_is_not_overwritten() -> None:
    old = next_version(rows(50, 1), first_version(rows(40)))
    new = next_version(rows(60, 2), whole_file(old.data))
    assert new.data.startswith(old.data[: -8 - int.from_bytes(old.data[-8:-4], "little")])
    assert read(new.data).equals(rows(60, 2))
    assert read(old.data).equals(rows(50, 1))
