"""The page in a real browser: readers sort, filter and page; nothing fails, and nothing asks the network."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis import load
from analysis.report import build_report
from analysis.report.writers.html import html_report
from tests.analysis.report.browser import CHROMIUM, Browser, browser
from tests.analysis.report.large import write_large_sweep

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("page"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

NOON = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
DRAWN = "[...document.querySelectorAll('.chart')].every(e => e.drawn && e.querySelector('.main-svg'))"
TABLE = "#part-1-arms-2"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    sweep = load(write_large_sweep(folder / "sweep", trials=300, images=6))
    (folder / "report.html").write_text(html_report(build_report(sweep, NOON)))
    return folder / "report.html"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as session:
        yield session


@pytest.fixture
def page(chromium: Browser, written: Path) -> Iterator[Browser]:
    """The page, freshly opened; afterwards there may be no error, and no request to a network."""
    chromium.dress()
    chromium.errors.clear()
    chromium.requests.clear()
    chromium.open(written.as_uri())
    chromium.run("sessionStorage.clear()")
    chromium.open("about:blank#")
    chromium.open(written.as_uri())
    yield chromium
    assert chromium.errors == []
    assert {url.partition(":")[0] for url in chromium.requests} <= {"file", "data", "blob", "about"}


def column(page: Browser, number: int) -> list[str]:
    texts: list[str] = page.run(
        f"[...document.querySelectorAll('{TABLE} tbody tr')].map(row => row.cells[{number}].textContent)"
    )
    return texts


def head(number: int) -> str:
    return f"document.querySelectorAll('{TABLE} thead th')[{number}]"


def test_all_figures_are_drawn_without_scrolling(page: Browser) -> None:
    page.until(DRAWN)
    assert page.run("document.querySelectorAll('.chart').length") > 5
    assert page.run("document.documentElement.scrollWidth <= innerWidth")


def test_the_table_has_pages_of_fifty_rows(page: Browser) -> None:
    assert len(column(page, 0)) == 50
    assert page.run(f"document.querySelector('{TABLE} .count').textContent") == "rows 1 to 50 of 300"
    page.run(f"document.querySelector('{TABLE} .next').click()")
    assert column(page, 0)[0] == "51"
    for _ in range(9):
        page.run(f"document.querySelector('{TABLE} .next').click()")
    assert page.run(f"document.querySelector('{TABLE} .count').textContent") == "rows 251 to 300 of 300"
    assert page.run(f"document.querySelector('{TABLE} .next').disabled")


def test_a_click_sorts_and_says_so(page: Browser) -> None:
    page.run(f"{head(1)}.querySelector('button').click()")
    assert page.run(f"{head(1)}.getAttribute('aria-sort')") == "ascending"
    rising = [float(text) for text in column(page, 1)]
    assert rising == sorted(rising)
    page.run(f"{head(1)}.querySelector('button').click()")
    assert page.run(f"{head(1)}.getAttribute('aria-sort')") == "descending"
    falling = [float(text) for text in column(page, 1)]
    assert falling == sorted(falling, reverse=True) and falling[0] > rising[-1]
    # Arms without a rank come last, whatever the direction.
    for _ in range(2):
        page.run(f"{head(0)}.querySelector('button').click()")
        assert "-" not in column(page, 0)


def test_the_filter_takes_words_and_columns(page: Browser) -> None:
    def filtered(text: str) -> list[str]:
        page.run(f"document.querySelector('{TABLE} input').focus()")
        page.run(f"document.querySelector('{TABLE} input').value = ''")
        page.type(text)
        return column(page, 0)

    assert filtered("rank=1") == ["1"]
    assert len(filtered("transform_a=on")) == 50
    assert page.run(f"document.querySelector('{TABLE} .count').textContent") == "rows 1 to 50 of 150 of 300"
    assert len(filtered("transform_a=on transform_b=on transform_c=off transform_d=on transform_e=on")) == 9
    assert filtered("<img src=x>") == []
    assert page.run(f"document.querySelector('{TABLE} .count').textContent") == "no row of 300 fits"


def test_the_keyboard_does_all_of_it(page: Browser) -> None:
    page.press("Tab", code=9)
    assert page.run("document.activeElement.className") == "skip"
    page.press("Enter", code=13, text="\r")
    page.until("location.hash === '#content'")
    page.run(f"{head(0)}.querySelector('button').focus()")
    page.press("Tab", code=9)
    assert page.run(f"document.activeElement === {head(1)}.querySelector('button')")
    page.press("Enter", code=13, text="\r")
    assert page.run(f"{head(1)}.getAttribute('aria-sort')") == "ascending"
    page.press(" ", code=32, text=" ")
    assert page.run(f"{head(1)}.getAttribute('aria-sort')") == "descending"
    page.run("document.querySelector('summary').focus()")
    page.press("Enter", code=13, text="\r")
    page.until("document.querySelector('details').open")


def test_what_was_set_outlives_a_reload(page: Browser) -> None:
    page.run(f"document.querySelector('{TABLE} input').focus()")
    page.type("rank=7")
    page.run(f"{head(2)}.querySelector('button').click()")
    page.run("document.querySelector('details').open = true")
    page.until("JSON.stringify(sessionStorage).includes('open')")
    page.call("Page.reload")
    page.until(f"document.querySelector('{TABLE} input')?.value === 'rank=7'")
    assert column(page, 0) == ["7"]
    assert page.run(f"{head(2)}.getAttribute('aria-sort')") == "ascending"
    assert page.run("document.querySelector('details').open")


@pytest.mark.parametrize("media", ["", "print"])
def test_it_follows_the_colour_scheme(page: Browser, media: str) -> None:
    page.until(DRAWN)
    ink = "getComputedStyle(document.querySelector('.xtick text')).fill"
    ground = "getComputedStyle(document.body).backgroundColor"
    light = (page.run(ink), page.run(ground))
    page.dress(dark=True)
    page.until(f"{ink} !== '{light[0]}'")
    assert page.run(ground) != light[1]
    page.dress(media=media)
    page.until(f"{ink} === '{'rgb(0, 0, 0)' if media else light[0]}'")
    assert page.run("getComputedStyle(document.querySelector('nav')).display") == ("none" if media else "block")


def test_it_fits_a_phone(page: Browser, written: Path) -> None:
    page.dress(width=360, height=780)
    page.open("about:blank#")
    page.open(written.as_uri())
    page.until(DRAWN)
    assert page.run("document.documentElement.scrollWidth") == 360
    widths: list[Any] = page.run(
        "[...document.querySelectorAll('.main-svg')].map(e => e.getBoundingClientRect().width)"
    )
    assert max(widths) <= 360
    small = page.run("[...document.querySelectorAll('.tools button')].filter(e => e.offsetHeight < 32).length")
    assert small == 0


def test_without_a_script_the_numbers_are_there(page: Browser, written: Path) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open("about:blank#")
        page.open(written.as_uri())
        assert page.run(f"document.querySelectorAll('{TABLE} tbody tr').length") == 25
        assert page.run("document.querySelector('figure tbody').rows.length") > 5
        assert page.run("getComputedStyle(document.querySelector('.tools')).display") == "none"
        assert "needs a script" in page.run("document.querySelector('.chart').innerText")
    finally:
        page.call("Emulation.setScriptExecutionDisabled", value=False)


def test_ten_thousand_trials_open_at_once(chromium: Browser, tmp_path: Path, record_property: Any) -> None:
    sweep = load(write_large_sweep(tmp_path / "sweep"))
    started = datetime.datetime.now(datetime.UTC)
    file = tmp_path / "report.html"
    file.write_text(html_report(build_report(sweep, NOON)))
    record_property("build_seconds", (datetime.datetime.now(datetime.UTC) - started).total_seconds())
    chromium.dress()
    chromium.open("about:blank#")
    chromium.open(file.as_uri())
    took = chromium.run("performance.timing.loadEventEnd - performance.timing.navigationStart") / 1000
    record_property("open_seconds", took)
    # The goal is 2 s; a busy machine takes longer.
    assert took < 10
    assert file.stat().st_size < 8e6
    assert len(column(chromium, 0)) == 50
    page_of = f"document.querySelector('{TABLE} .count').textContent"
    assert chromium.run(page_of) == "rows 1 to 50 of 10000"
    before = chromium.run("performance.now()")
    chromium.run(f"{head(1)}.querySelector('button').click()")
    assert chromium.run("performance.now()") - before < 2000
    assert chromium.errors == []
