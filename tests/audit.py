"""`make audit`: known advisories for the exact versions of constraints.txt, less dated exceptions.

It is apart from `make check`, so that a new advisory does not turn that red. Run as `python -m tests.audit`.
"""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXCEPTIONS = ROOT / "docs" / "audit-exceptions.txt"

_LINE = re.compile(r"(?P<id>\S+) until (?P<day>\d{4}-\d{2}-\d{2}) (?P<reason>\S.*)")


def main() -> int:
    """Ask pip-audit and print what is to be done; return the exit code."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    command += ["--requirement", str(ROOT / "constraints.txt"), "--no-deps", "--disable-pip"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        output, reason = done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        output, reason = "", "no answer within ten minutes"
    lines = faults(output, reason, EXCEPTIONS.read_text(encoding="utf-8"), datetime.datetime.now(datetime.UTC).date())
    for line in lines:
        print(line, file=sys.stderr)
    if not lines:
        print("no advisory without an exception")
    return 1 if lines else 0


def faults(output: str, reason: str, exceptions: str, today: datetime.date) -> list[str]:
    """Return a line for everything that makes the audit fail, also for what could not be looked up.

    Args:
        output: What pip-audit printed, JSON if it could ask.
        reason: What it printed to stderr.
        exceptions: Lines `ID until YYYY-MM-DD reason`; empty ones and those that begin with # are left out.
        today: Exceptions that end before this day have expired.
    """
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (reason.strip().splitlines() or ["no reason given"])[-1]
        return [f"audit: the advisory database could not be asked ({last[:200]}); nothing was audited"]
    skipped = [package for package in packages if "skip_reason" in package]
    if skipped or not packages:
        why = skipped[0]["skip_reason"] if skipped else "no package was found"
        count = f"{len(skipped)} of {len(packages)} packages"
        return [f"audit: the advisory database could not be asked for {count} ({why}); the audit is not complete"]
    allowed, lines = _allowed(exceptions, today)
    for package in packages:
        for advisory in package["vulns"]:
            if not allowed & {advisory["id"], *advisory.get("aliases", ())}:
                lines.append(_advisory_line(package, advisory))
    return lines


def _allowed(exceptions: str, today: datetime.date) -> tuple[set[str], list[str]]:
    """Return the advisories that are excepted today, and a line for each exception that is invalid or has expired."""
    allowed: set[str] = set()
    lines: list[str] = []
    for number, text in enumerate(exceptions.splitlines(), start=1):
        if not text.strip() or text.startswith("#"):
            continue
        where = f"{EXCEPTIONS.name} line {number}"
        match = _LINE.fullmatch(text.strip())
        try:
            day = datetime.date.fromisoformat(match["day"]) if match else None
        except ValueError:
            day = None
        if match is None or day is None:
            lines.append(f"{where}: must be `ID until YYYY-MM-DD reason`, but is {text!r}")
        elif day < today:
            lines.append(f"{where}: the exception for {match['id']} expired on {day}; look at it again")
        else:
            allowed.add(match["id"])
    return allowed, lines


def _advisory_line(package: dict[str, str], advisory: dict[str, list[str]]) -> str:
    fixed = ", ".join(advisory.get("fix_versions") or ()) or "no version yet"
    names = "/".join([str(advisory["id"]), *advisory.get("aliases", ())])
    return f"{package['name']} {package['version']}: {names}; fixed in {fixed}"


if __name__ == "__main__":
    sys.exit(main())
