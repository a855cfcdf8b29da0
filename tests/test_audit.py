"""The audit: what pip-audit prints, and the exceptions."""

from __future__ import annotations

import datetime
import json
import re

import pytest

from tests.audit import EXCEPTIONS, faults
from tests.conftest import ROOT

TODAY = datetime.date(2026, 6, 1)

SOUND = {"name": "click", "version": "8.5.1", "vulns": []}
FAULTY = {
    "name": "pillow",
    "version": "13.0.0",
    "vulns": [
        {
            "id": "PYSEC-2026-7",
            "fix_versions": ["13.0.1"],
            "aliases": ["CVE-2026-0007", "GHSA-aaaa-bbbb-cccc"],
            "description": "A crafted image is decoded beyond its buffer.",
        }
    ],
}


def output(*packages: dict[str, object]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_no_advisory_no_fault() -> None:
    assert faults(output(SOUND), "", "# nothing\n\n", TODAY) == []


def test_an_advisory_is_reported_with_its_remedy() -> None:
    assert faults(output(SOUND, FAULTY), "", "", TODAY) == [
        "pillow 13.0.0: PYSEC-2026-7/CVE-2026-0007/GHSA-aaaa-bbbb-cccc; fixed in 13.0.1"
    ]


@pytest.mark.parametrize("name", ["PYSEC-2026-7", "CVE-2026-0007", "GHSA-aaaa-bbbb-cccc"])
def test_an_exception_holds_to_its_day(name: str) -> None:
    exception = f"{name} until 2026-06-01 we decode PNG only\n"
    assert faults(output(FAULTY), "", exception, TODAY) == []
    late = faults(output(FAULTY), "", exception, TODAY + datetime.timedelta(days=1))
    assert late[0] == f"audit-exceptions.txt line 1: the exception for {name} expired on 2026-06-01; look at it again"
    assert len(late) == 2


@pytest.mark.parametrize("line", ["PYSEC-2026-7", "PYSEC-2026-7 until 2026-13-01 x", "PYSEC-2026-7 until 2026-12-01"])
def test_an_exception_has_a_day_and_a_reason(line: str) -> None:
    lines = faults(output(SOUND), "", line, TODAY)
    assert lines == [f"audit-exceptions.txt line 1: must be `ID until YYYY-MM-DD reason`, but is {line!r}"]


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}"])
def test_without_the_database_nothing_passes(text: str) -> None:
    assert faults(text, "WARNING: x\nERROR: Could not connect to PyPI's vulnerability feed\n", "", TODAY) == [
        "audit: the advisory database could not be asked (ERROR: Could not connect to PyPI's vulnerability feed); "
        "nothing was audited"
    ]


def test_a_package_that_was_not_looked_up_does_not_pass() -> None:
    skipped = {"name": "torch", "skip_reason": "Dependency not found on PyPI and could not be audited: torch (2.14.1)"}
    assert faults(output(SOUND, skipped), "", "", TODAY) == [
        "audit: the advisory database could not be asked for 1 of 2 packages (Dependency not found on PyPI and could "
        "not be audited: torch (2.14.1)); the audit is not complete"
    ]
    assert "0 of 0 packages" in faults(output(), "", "", TODAY)[0]


def test_the_exceptions_file_of_the_repository_can_be_read() -> None:
    lines = faults(output(SOUND), "", EXCEPTIONS.read_text(), datetime.date(2000, 1, 1))
    assert lines == []


def test_everything_that_is_audited_has_its_exact_version() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines if not line.startswith("#"))
