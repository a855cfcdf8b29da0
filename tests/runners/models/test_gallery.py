"""Predictions of the leading arms in reports, on a tiny sweep that was trained."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import runners.models.gallery as command
from analysis.sweeps import open_sweeps
from tests.command_line import answer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("models")]


def test_the_page_shows_three_images_of_each_leading_arm(sweep: Path, tmp_path: Path) -> None:
    answer("report", str(sweep), "--out", str(tmp_path / "r.html"))
    page = (tmp_path / "r.html").read_text()
    captions = re.findall(r'alt="(\w+) test image with seat_belt: IoU \d\.\d{3}"', page)
    assert captions == ["Best", "Median", "Worst"] * 2
    assert page.count("data:image/jpeg;base64,") == 6
    assert page.index('id="part-1-answer"') < page.index('id="part-1-predictions"') < page.index('id="part-1-evidence"')
    answer("report", str(sweep), "--out", str(tmp_path / "r.html"), "--no-gallery")
    assert "data:image/jpeg" not in (tmp_path / "r.html").read_text()


def test_markdown_and_pdf_have_the_pictures_too(sweep: Path, tmp_path: Path) -> None:
    answer("report", str(sweep), "--out", str(tmp_path / "r.md"), "--format", "md")
    links = re.findall(r"<(r-figures/prediction-\d+\.jpg)>", (tmp_path / "r.md").read_text())
    assert len(set(links)) == 6 and all((tmp_path / link).read_bytes()[:2] == b"\xff\xd8" for link in links)
    answer("report", str(sweep), "--out", str(tmp_path / "r.pdf"), "--format", "pdf")
    assert (tmp_path / "r.pdf").read_bytes().count(b"/DCTDecode") >= 3, "equal pictures are stored once"


def test_pictures_of_a_trial_are_computed_once(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    galleries = command.Galleries(notes.append)
    source = open_sweeps([str(sweep)])
    first = galleries.of(source)
    assert len(notes) == 2 and [len(arm.photographs) for arm in first[str(sweep)].arms] == [3, 3]
    assert galleries.of(open_sweeps([str(sweep)])) == first and len(notes) == 2


def test_a_report_without_the_data_says_why_it_shows_nothing(sweep: Path, tmp_path: Path) -> None:
    description = json.loads((sweep / "sweep.json").read_text())
    description["data"][0] |= {"path": "/nowhere/stripes", "from_sweep": "nowhere"}
    (sweep / "sweep.json").write_text(json.dumps(description))
    answer("report", str(sweep), "--out", str(tmp_path / "r.html"))
    page = (tmp_path / "r.html").read_text()
    assert "No pictures: data set stripes is not at /nowhere/stripes any more" in page
    assert "data:image/jpeg" not in page
