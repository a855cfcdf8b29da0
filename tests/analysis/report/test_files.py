"""A report as a file: escaped, self-contained, the same blocks in each form."""

from __future__ import annotations

import base64
import datetime
import hashlib
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from analysis import load
from analysis.report import build_report
from analysis.report.blocks import Column, Command, Report, ReportPart, Section, Table, Text
from analysis.report.writers.html import html_report
from analysis.report.writers.markdown import markdown_report
from analysis.report.writers.pdf import pdf_report
from tests.analysis.conftest import MakeSweep, write_sweep
from tests.analysis.numbers import DESCRIPTION, small_tables
from tests.analysis.report.large import write_large_sweep

NOON = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`|\x1b[2J</title>"


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._script = False

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return build_report(load(write_large_sweep(tmp_path_factory.mktemp("s") / "s", trials=90, images=6)), NOON)


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return Page(html_report(report))


def hostile(make_sweep: MakeSweep) -> Report:
    tables = small_tables()
    for row in tables["trials"]:
        cell = json.loads(row["cell"])
        cell["decoder"] = f"{HOSTILE}{cell['decoder']}"
        row |= {"cell": json.dumps(cell), "error": HOSTILE, "host": HOSTILE, "git_commit": HOSTILE}
    tables["trials"][0]["status"] = "FAILED"
    description = DESCRIPTION | {"question": HOSTILE, "command": HOSTILE, "study": HOSTILE, "rungs": [2]}
    return build_report(make_sweep(HOSTILE.replace("/", "-"), description=description, **tables), NOON)


@pytest.mark.slow
def test_the_page_asks_nothing_of_a_network(page: Page) -> None:
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            target = attributes.get(name)
            assert target is None or target.startswith(("#", "data:")), (tag, name, target)
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv")]
    assert policy is not None and policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src" not in policy and "unsafe-eval" not in policy


@pytest.mark.slow
def test_the_policy_allows_our_scripts_alone(page: Page) -> None:
    (policy,) = [str(meta["content"]) for meta in page.all("meta") if meta.get("http-equiv")]
    run = [a for a in page.all("script") if a.get("type") is None]
    assert len(run) == 1, "one script that is run; the rest is data"
    text = page.scripts[-1]
    assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy


@pytest.mark.slow
def test_it_is_accessible(page: Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert page.all("a")[0] == {"class": "skip", "href": "#content"}
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), "no level is left out"
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        assert str(link["href"])[1:] in ids
    charts = [a for a in page.all("div") if a.get("class") == "chart"]
    assert len(charts) == len(page.all("figure")) > 5
    assert all(a["role"] == "img" and len(str(a["aria-label"])) > 40 and a["aria-describedby"] in ids for a in charts)
    assert len(page.all("figcaption")) == len(charts)
    # Each figure has its numbers as a table, and each table a caption and heads with a scope.
    assert len(page.all("details")) == len(charts)
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(a.get("scope") == "col" for a in page.all("th"))
    assert [a["id"] for a in page.all("input")] == [a["for"] for a in page.all("label")]


@pytest.mark.slow
def test_hostile_texts_run_nothing(make_sweep: MakeSweep) -> None:
    text = html_report(hostile(make_sweep))
    parsed = Page(text)
    assert "\x1b" not in text
    assert parsed.all("img") == []
    assert len([a for a in parsed.all("script") if a.get("type") is None]) == 1
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    # The data are complete: no text in them closed the script element.
    data = [json.loads(t) for t in parsed.scripts if t.startswith("{")]
    assert any("<script>alert(1)" in json.dumps(value) for value in data)


def test_secrets_are_masked(make_sweep: MakeSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "canary-0123456789")
    description = DESCRIPTION | {"command": "seatbelt sweep --data s3://user:canary-pass@bucket/x canary-0123456789"}
    tables = small_tables()
    tables["trials"][0] |= {"error": "SERVICE_PASSWORD=canary-word", "status": "FAILED"}
    report = build_report(make_sweep(description=description | {"rungs": [2]}, **tables), NOON)
    for text in (html_report(report), markdown_report(report, "f")[0]):
        assert "canary" not in text
        assert "***" in text


@pytest.mark.slow
def test_the_first_rows_are_there_without_a_script(report: Report, page: Page) -> None:
    text = html_report(report)
    assert "(the first 25 of 90: a script shows the rest)" in text
    big = next(json.loads(t) for t in page.scripts if t.startswith('{"heads"'))
    assert len(big["columns"]) == len(big["heads"])
    assert {len(column) for column in big["columns"]} == {90}


@pytest.mark.slow
def test_a_page_that_is_written_again_reads_itself_anew(report: Report) -> None:
    assert '<meta http-equiv="refresh" content="30">' in html_report(report, reload_seconds=30)
    live = html_report(report, live="4-a")
    assert "connect-src &#39;self&#39;" in live and 'data-live="4-a"' in live
    assert "refresh" not in {str(meta.get("http-equiv")) for meta in Page(live).all("meta")}


def test_a_report_without_figures_carries_no_library() -> None:
    section = Section(name="a", title="A", blocks=(Text(text="run `x`"),))
    text = html_report(Report(title="t", created="now", parts=(ReportPart(name="p", title="p", sections=(section,)),)))
    assert len(text) < 40_000
    assert "run <code>x</code>" in text


@pytest.mark.slow
def test_markdown_has_sections_tables_and_links_to_figures(report: Report) -> None:
    text, figures = markdown_report(report, "report-figures")
    assert text.startswith("# Sweep s\n\nReport of seatbelt, made 2026-03-01 12:00 UTC.\n\n## Answer\n")
    assert set(re.findall(r"\(<report-figures/(.*?)>\)", text)) == set(figures)
    assert "| rank | selection IoU |" in text
    assert "The first 25 of 90 rows; the HTML report has all." in text


def test_markdown_escapes_what_it_would_act_on() -> None:
    table = Table(caption="c", columns=(Column(name="a|b"),), rows=((HOSTILE,),))
    blocks = (Text(text="a <b> *c*", kind="warning"), Command(what="do", command="rm\nx"), table)
    part = ReportPart(name="p", title="p", sections=(Section(name="s", title="S_1", blocks=blocks),))
    text, figures = markdown_report(Report(title="t", created="now", parts=(part,)), "f")
    assert figures == {}
    assert "<" not in text.replace("&lt;", "") and "\x1b" not in text
    assert "> **Warning:** a &lt;b&gt; \\*c\\*" in text
    assert "$ rm x\n" in text
    assert "| a\\|b |" in text and "## S\\_1" in text


@pytest.mark.slow
def test_a_report_becomes_a_pdf_of_several_pages(report: Report, make_sweep: MakeSweep) -> None:
    for content in (report, hostile(make_sweep)):
        data = pdf_report(content)
        assert data.startswith(b"%PDF") and data.rstrip().endswith(b"%%EOF")
        assert len(re.findall(rb"/Type /Page\b(?!s)", data)) >= 3


@pytest.mark.slow
def test_a_sweep_without_trials_has_a_report(tmp_path: Path) -> None:
    description: dict[str, Any] = DESCRIPTION | {"rungs": [2]}
    report = build_report(load(write_sweep(tmp_path / "s", description=description)), NOON)
    assert "no epoch has been measured" in html_report(report)
    assert "no epoch has been measured" in markdown_report(report, "f")[0]
    assert pdf_report(report).startswith(b"%PDF")
