"""Tables and descriptions of somebody else: hostile values steer nothing and run nothing."""

from __future__ import annotations

import contextlib
import os
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import load
from runners.sweep_files.folder import SweepFolder
from seatbelt.errors import UserError
from seatbelt.records.arrow import arrow_schema
from tests.analysis.conftest import trial, write_sweep
from tests.command_line import answer, mistake, seatbelt
from tests.runners.conftest import describe

HOSTILE = {
    "cell": ["no json", "[1]", "7", "[" * 100_000, "null"],
    "trial_key": ["$(touch owned)", "\x1b]0;owned\x07"],
    "encoder": ["\x1b[2J\x1b[31mowned", "a\u202eb"],
}


@pytest.mark.parametrize(("column", "value"), [(name, value) for name, values in HOSTILE.items() for value in values])
def test_hostile_values_in_tables_steer_nothing(tmp_path: Path, column: str, value: str) -> None:
    root = write_sweep(tmp_path / "s", trials=[trial("a1", "x", iou=0.5) | {column: value}])
    for arguments in (
        ["best", str(root)],
        ["report", str(root)],
        ["query", str(root), f"select {column}, cell from trials"],
    ):
        output = seatbelt(*arguments)
        assert output.code in (0, 2), output.err
        assert "Traceback" not in output.err
        assert output.text.replace("\n", "").isprintable()
        if column == "trial_key" and arguments[0] == "best":
            assert "reproduce" in output.out
            assert f"{root} $(" not in output.out, "what is offered as a command is quoted"
        if column == "cell" and arguments[0] == "best":
            assert output.code == 2
            assert "hold what no sweep writes" in output.err


@pytest.mark.parametrize(
    ("column", "kind"),
    [("selection_iou", pa.string()), ("parameters", pa.string()), ("epochs_done", pa.list_(pa.int64()))],
)
def test_columns_of_another_type_are_refused(tmp_path: Path, column: str, kind: pa.DataType) -> None:
    root = write_sweep(tmp_path / "s", trials=[trial("a1", "x", iou=0.5)])
    table = pq.read_table(root / "trials" / "00000.parquet")
    place = table.schema.get_field_index(column)
    pq.write_table(table.set_column(place, column, pa.nulls(1, kind)), root / "trials" / "00000.parquet")
    for arguments in (["best", str(root)], ["query", str(root), "select 1"]):
        assert f"the column {column} is VARCHAR" in mistake(*arguments) or "[]" in mistake(*arguments)


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_pickled_type_in_a_parquet_file_is_not_run(tmp_path: Path) -> None:
    root = write_sweep(tmp_path / "s", trials=[trial("a1", "x", iou=0.5)])
    bomb = pickle.dumps(Bomb(tmp_path / "owned"))
    schema = arrow_schema("trials")
    place = schema.get_field_index("host")
    metadata = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": bomb}
    schema = schema.set(place, schema.field(place).with_metadata(metadata)).with_metadata({"pandas": bomb.hex()})
    rows = [dict.fromkeys(schema.names) | trial("a1", "x", iou=0.5)]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), root / "trials" / "00000.parquet")
    answer("best", str(root))
    answer("query", str(root), "select * from trials")
    with contextlib.suppress(UserError):
        load(root).trials  # noqa: B018  (reading is what is tested)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "text", ["[" * 200_000, "[]", '{"baselines": {"x": "\\u001b[31m"}}', '{"baselines": []}', "\x00", '"x']
)
def test_a_hostile_description_is_one_error(tmp_path: Path, text: str) -> None:
    root = write_sweep(tmp_path / "s", trials=[trial("a1", "x", iou=0.5)])
    (root / "sweep.json").write_text(text)
    mistake("best", str(root))
    for command in ("status", "resume", "stop"):
        mistake(command, str(root))


def test_texts_of_a_description_do_not_steer_the_terminal(finished: SweepFolder) -> None:
    metadata = describe().model_copy(update={"question": "\x1b]0;owned\x07?", "baselines": {"\x1b[31mred": 0.5}})
    finished.replace(metadata)
    output = answer("status", str(finished.root))
    assert output.replace("\n", "").isprintable()
    assert r"\x1b]0;owned\x07?" in output
