"""The commands of Ray's cluster launcher that start a cluster, submit a sweep, and end the cluster."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runners.cluster.check import check_file, read_ray_file
from runners.cluster.first_trial import check_sweep_command
from runners.cluster.problems import Problem, mapping
from runners.cluster.token import ensure_token_file
from seatbelt.errors import UserError

_VERBS = ("sweep", "resume", "confirm")
_PATH_OPTIONS = ("--data", "--out", "--stages", "--weights-folder", "--architectures-from")
_BIN = "~/venv/bin"
_JOBS = "--address http://127.0.0.1:8265"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A sweep that runs as a job on the head of a cluster."""

    command: list[str]
    """The command to run on this machine."""
    watch: list[str]
    stop: list[str]


def run(command: Sequence[str]) -> int:
    """Run a program and return its exit code; its output goes to the terminal.

    Raises:
        UserError: The program is missing.
    """
    program, *arguments = command
    beside = Path(sys.executable).with_name(program)
    try:
        return subprocess.run([str(beside) if beside.exists() else program, *arguments], check=False).returncode
    except FileNotFoundError:
        raise UserError(f"there is no program {program!r} here; pip install 'seatbelt[cluster]' brings it") from None


def up_command(path: Path, *, yes: bool) -> list[str]:
    """Return the command that starts a cluster."""
    return ["ray", "up", str(path), *(["--yes"] if yes else [])]


def down_command(path: Path, *, yes: bool) -> list[str]:
    """Return the command that ends a cluster."""
    read_ray_file(path)
    return ["ray", "down", str(path), *(["--yes"] if yes else [])]


def check_before_start(path: Path, *, allow_insecure: bool) -> list[Problem]:
    """Return the warnings of a file without errors.

    Raises:
        UserError: The file has errors.
    """
    read_ray_file(path)
    problems = check_file(path, to_start=True, allow_insecure=allow_insecure)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        first = errors[0]
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        raise UserError(
            f"{path}: {first.place}: {first.what} ({first.advice}){more}; nothing was started, "
            f"`seatbelt cluster check {path}` shows all"
        )
    return problems


def token_of(path: Path) -> Path | None:
    """Return the local token file that a cluster file copies to its nodes."""
    mounts = mapping(read_ray_file(path).get("file_mounts"))
    sources = [Path(str(source)).expanduser() for target, source in mounts.items() if target.endswith("auth_token")]
    return sources[0] if sources else None


def prepare_token(path: Path) -> None:
    """Make the token that a cluster file copies to its nodes, unless there is one.

    Raises:
        UserError: It cannot be written, or other users can read it.
    """
    source = token_of(path)
    if source is not None:
        ensure_token_file(source, create=True)


def submission(path: Path, arguments: Sequence[str], *, identity: str) -> Submission:
    """Return the commands that run a sweep as a Ray job on the head, so that this machine may sleep.

    Args:
        path: The cluster file.
        arguments: `sweep ...`, `resume ...` or `confirm ...`.
        identity: Name of the job.

    Raises:
        UserError: The arguments are of another kind, or name local paths.
    """
    read_ray_file(path)
    if not arguments or arguments[0] not in _VERBS:
        options = arguments[0] if arguments else "nothing"
        raise UserError(f"submit takes sweep, resume or confirm after --, but got {options!r}")
    sweep = _sweep_folder(arguments)
    complete = [*arguments]
    if not any(x == "--address" or x.startswith("--address=") for x in arguments):
        complete += ["--address", "auto"]
    job = f"{_BIN}/ray job submit {_JOBS} --no-wait --submission-id {shlex.quote(identity)}"
    watch = f"{_BIN}/ray job logs {_JOBS} --follow {shlex.quote(identity)}"
    return Submission(
        command=_on_head(path, f"RAY_AUTH_MODE=token {job} -- {_BIN}/seatbelt {shlex.join(complete)}"),
        watch=_on_head(path, f"RAY_AUTH_MODE=token {watch}"),
        stop=_on_head(path, f"{_BIN}/seatbelt stop {shlex.quote(sweep)}"),
    )


def lacking(arguments: Sequence[str]) -> list[Problem]:
    """Return warnings about options that a sweep may need before the first worker is up."""
    return list(check_sweep_command("--", f"{shlex.join(arguments)} "))


def _on_head(path: Path, command: str) -> list[str]:
    # Ray passes the text to a shell on the head, which expands ~ there.
    return ["ray", "exec", str(path), command]


def _sweep_folder(arguments: Sequence[str]) -> str:
    """Return the location of the sweep; every path must exist on the cluster."""
    verb, target = arguments[0], arguments[1] if len(arguments) > 1 else ""
    if not target or target.startswith("-"):
        raise UserError(f"submit takes what to {verb} first, such as `-- sweep architecture --out /shared/sweeps`")
    for option, value in _options(arguments):
        if option in _PATH_OPTIONS and not _is_on_cluster(value):
            raise UserError(f"{option} {value} is relative to this machine; give a place that every node shares")
    if (verb != "sweep" or target.endswith(".py")) and not _is_on_cluster(target):
        raise UserError(f"{target} is relative to this machine; give a place that every node shares")
    if verb != "sweep":
        return target
    options = dict(_options(arguments))
    if "--out" not in options:
        raise UserError("submit needs --out: a folder of sweeps that every node shares, such as /shared/sweeps")
    name = options.get("--name") or Path(target).stem
    return f"{options['--out'].rstrip('/')}/{options.get('--as-new') or name}"


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if word.startswith("--") and equals:
            yield name, value
        elif word.startswith("--") and index + 1 < len(arguments):
            yield word, arguments[index + 1]


def _is_on_cluster(place: str) -> bool:
    return place.startswith("/") or "://" in place
