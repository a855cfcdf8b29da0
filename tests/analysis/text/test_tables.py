"""Tables that fit a terminal: what they leave out, fold and shorten, and that they say so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from analysis.text.tables import Fold, fitted_table, format_answer, table_text

NAMES = ["rank", "encoder", "decoder", "score", "epochs"]
ROWS = [[1, "resnet18", "unet", "0.512", 9], [2, "resnet152", "fpn", "0.498", 9]]
FOLD = Fold(name="arm", first=1, count=2, cells=["resnet18 unet", "resnet152 fpn"])


def fitted(width: int | None) -> list[str]:
    return fitted_table(NAMES, ROWS, width, drop=("epochs",), fold=FOLD).splitlines()


def test_a_wide_terminal_and_a_pipe_show_the_whole_table() -> None:
    whole = [
        "rank  encoder    decoder  score  epochs",
        "   1  resnet18   unet     0.512       9",
        "   2  resnet152  fpn      0.498       9",
    ]
    assert fitted(None) == fitted(39) == whole == table_text(NAMES, ROWS).splitlines()


def test_columns_are_folded_before_one_is_left_out() -> None:
    assert fitted(38) == [
        "rank  arm            score  epochs",
        "   1  resnet18 unet  0.512       9",
        "   2  resnet152 fpn  0.498       9",
        "(--wide shows all; arm: 2 columns a...",
    ]


def test_the_least_important_columns_are_left_out_first() -> None:
    assert fitted(32) == [
        "rank  encoder    decoder  score",
        "   1  resnet18   unet     0.512",
        "   2  resnet152  fpn      0.498",
        "(--wide shows all; left out:...",
    ]


def test_without_an_order_columns_are_left_out_from_the_right_and_texts_are_shortened() -> None:
    names, rows = ["key", "error", "a", "b"], [("k1", "x" * 50, 1.0, "y" * 50)]
    assert format_answer(names, rows, "table", 60).splitlines() == [
        "key  error                        a  b",
        f"k1   {'x' * 19}...  1.0000  {'y' * 20}...",
        "(--wide shows all; shortened: error, b)",
        "(1 row)",
    ]
    assert format_answer(names, rows, "table", 20).splitlines()[-2:] == ["(--wide shows all...", "(1 row)"]
    assert format_answer(names, rows, "csv", 20) == format_answer(names, rows, "csv")


@given(
    rows=st.lists(st.lists(st.text(max_size=70), min_size=5, max_size=5), min_size=1, max_size=4),
    width=st.integers(min_value=40, max_value=120),
)
def test_no_line_is_wider_than_the_terminal(rows: list[list[str]], width: int) -> None:
    fold = Fold(name="arm", first=1, count=2, cells=[f"{row[1]} {row[2]}" for row in rows])
    lines = fitted_table(NAMES, rows, width, drop=("epochs",), fold=fold).split("\n")
    assert len(lines) in (len(rows) + 1, len(rows) + 2)
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize(("text", "width"), [("中中中", 6), ("abc", 3)])
def test_wide_letters_count_twice(text: str, width: int) -> None:
    assert cell_len(table_text(["a"], [[text]]).splitlines()[1]) == width
