"""Checks a script for `sbatch` that starts Ray on the nodes of a job."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runners.cluster.access import check_listening
from runners.cluster.allowed_keys import SBATCH
from runners.cluster.first_trial import check_cache, check_sweep_command
from runners.cluster.pins import check_pip
from runners.cluster.problems import Problem, error, unknown_keys, warning

_DIRECTIVE = re.compile(r"^#SBATCH\s+--([\w-]+)(?:[= ](\S+))?")
_NOTICE_SECONDS = 60


def check_script(text: str) -> Iterator[Problem]:
    """Yield the problems of a script."""
    directives = {
        match.group(1): (number, match.group(2) or "")
        for number, line in enumerate(text.splitlines(), start=1)
        if (match := _DIRECTIVE.match(line))
    }
    if not directives:
        yield error("file", "has no #SBATCH line: it is no script for sbatch", "see docs/cluster/slurm.sh")
        return
    yield from unknown_keys("#SBATCH", directives, SBATCH)
    yield from _check_ending(directives)
    # Long commands continue over several lines.
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [line.strip() for line in joined.splitlines() if not line.lstrip().startswith("#")]
    yield from _check_commands(lines)


def _check_ending(directives: dict[str, tuple[int, str]]) -> Iterator[Problem]:
    if "requeue" not in directives:
        yield error("#SBATCH.requeue", "is missing: a preempted job would not come back", "add #SBATCH --requeue")
    signal = re.fullmatch(r"B:(?:SIG)?TERM@(\d+)", directives.get("signal", (0, ""))[1])
    if signal is None or int(signal.group(1)) < _NOTICE_SECONDS:
        yield error(
            "#SBATCH.signal",
            "SLURM does not warn the script before its time is up",
            "add #SBATCH --signal=B:TERM@120",
        )
    if "time" not in directives:
        yield warning("#SBATCH.time", "is missing: an idle job would hold its nodes", "add #SBATCH --time=08:00:00")


def _check_commands(lines: list[str]) -> Iterator[Problem]:
    if not any("ray symmetric-run" in line for line in lines):
        yield error("script", "does not start Ray on the nodes", "run `srun ray symmetric-run ... -- seatbelt sweep`")
    if not any(re.search(r"\bRAY_AUTH_MODE=[\"']?token\b", line) for line in lines):
        yield error("script", "starts Ray without RAY_AUTH_MODE=token", "add export RAY_AUTH_MODE=token")
    if not any("auth_token" in line for line in lines):
        yield error("script", "there may be no token", "make ~/.ray/auth_token where there is none, with umask 077")
    if not any(re.search(r"\btrap\s+(?!''|\"\"|-)\S.*\bTERM\b", line) for line in lines):
        yield error("script", "the warning of SLURM is not passed on", "add a trap on TERM that runs `seatbelt stop`")
    for line in lines:
        yield from check_listening("script", line)
        yield from check_pip("script", line)
    driver = [match.group() for line in lines if (match := re.search(r"\bseatbelt (sweep|resume|confirm)\b.*", line))]
    if not driver:
        yield error("script", "runs no sweep", "give ray symmetric-run `seatbelt sweep ...` after --")
    for line in driver:
        if "--address" not in line:
            yield error("script", "the sweep does not join the cluster", "add --address auto to it")
        if "seatbelt sweep" in line and not re.search(r"--out[= ][\"']?[/$]|--out[= ](s3|gs)://", line):
            yield error("script", "the sweep may not lie on shared storage", "give --out an absolute path on it")
        yield from check_sweep_command("script", line, "\n".join(lines))
    yield from check_cache("script", "\n".join(lines), on_network=True)
