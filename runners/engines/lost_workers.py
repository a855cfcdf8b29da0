"""Explains in one line why Ray lost a worker, from Ray's files on the driver's disk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from runners.worker.machine_faults import one_line

_LONGEST = 400
_DETAIL = re.compile(r"Worker exit type: (\w+) Worker exit detail: (.*?)(?: Some common causes include|\Z)", re.DOTALL)
_PROCESS = re.compile(r"^\s*(?:pid: (?P<pid>\d+)|ip: (?P<ip>\S+))\s*$", re.MULTILINE)
_NO_WORD = re.compile(r"connection error code 2|End of file", re.IGNORECASE)


class LegFaultError(Exception):
    """Carries the last messages of a worker whose process cannot continue."""

    def __init__(self, messages: str) -> None:
        super().__init__(messages)
        self.messages = messages
        """The messages as JSON."""


def error_of(trial: Any) -> BaseException | str | None:  # noqa: ANN401  (Ray's trials have no types)
    """Return what ended a trial of Ray: the exception, or its text; None if Ray wrote nothing.

    Ray writes it to the local folder of the trial, but its accessor looks in the storage folder.
    """
    from ray import cloudpickle

    if trial.pickled_error_file and Path(trial.pickled_error_file).exists():
        try:
            exception: BaseException = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
        except Exception as error:
            # The exception may belong to a package that is missing here.
            exception = error
        return getattr(exception, "cause", None) or exception
    if trial.error_file and Path(trial.error_file).exists():
        return Path(trial.error_file).read_text(errors="replace").strip()
    return None


def loss_text(error: BaseException | str | None) -> str:
    """Return why a worker was lost."""
    if error is None:
        return "Ray gives no reason"
    if isinstance(error, str):
        return _short(_recorded_text(error))
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "RayActorError" in kinds:
        return _short(_death_text(str(error)))
    return _short(one_line(error))


def _recorded_text(text: str) -> str:
    """Return the text of an exception that Ray kept as text only, such as for a worker that it killed itself."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Failure #")]
    if not lines:
        return "Ray gives no reason"
    return lines[-1] if any(line.startswith("Traceback") for line in lines) else " ".join(lines)


def _death_text(text: str) -> str:
    detail = _DETAIL.search(text)
    if detail is None:
        # For a lost node or an actor that never started, the reason follows the list of identities.
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("\t")]
        return " ".join(lines[1:] or lines)
    where = ", ".join(f"{name} {value}" for part in _PROCESS.finditer(text) for name, value in _present(part))
    exit_detail = f"exit of its process ({where}): {detail.group(1)}, {detail.group(2).strip().rstrip('.')}"
    if _NO_WORD.search(detail.group(2)):
        return (
            "killed or crashed without a word: most likely SIGKILL by the system's out-of-memory killer (dmesg on that "
            f"machine tells), otherwise SIGSEGV, SIGBUS or a leg without an epoch for too long; {exit_detail}"
        )
    return exit_detail


def _present(part: re.Match[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in part.groupdict().items() if value]


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 3]}..."
