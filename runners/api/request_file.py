"""Request files: what a user asks a new sweep for, as YAML or TOML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from runners.api.assignments import ASSIGNMENTS
from runners.api.plain_text import READERS, WRITERS
from runners.api.plain_values import record_of, values_of
from runners.api.request import LaunchOptions, LaunchRequest
from search_spaces.catalogue import STUDIES
from seatbelt.errors import UserError
from seatbelt.storage.base import read_file
from seatbelt.text.redaction import refuse_secret

_MOST_BYTES = 2**20


def is_request_file(name: str) -> bool:
    """Return whether a name is that of a request file, by its suffix."""
    return Path(name).suffix.lower() in READERS


def complete_request(study: str, options: LaunchOptions) -> LaunchRequest:
    """Return the request of a command line: a request file, if the study names one, changed by the options.

    `--set`, `--fix` and `--levels` override the file name by name, every other option as a whole.

    Raises:
        UserError: The request file cannot be used.
    """
    if not is_request_file(study):
        return LaunchRequest(study=study, **vars(options))
    request = without_names(read_request(Path(study)), vary=options.vary, fix=options.fix, levels=options.levels)
    changes = {name: getattr(options, name) for name in options.named - ASSIGNMENTS.keys()}
    changes |= {name: getattr(request, name) + getattr(options, name) for name in ASSIGNMENTS}
    return replace(request, **changes, named=request.named | options.named)


def without_names(
    request: LaunchRequest, *, vary: Sequence[str], fix: Sequence[str], levels: Sequence[str]
) -> LaunchRequest:
    """Return a request without its values for what other texts `NAME=VALUE` set or fix."""
    names, of_levels = {_name(text) for text in (*vary, *fix)}, {_name(text) for text in levels}
    return replace(
        request,
        vary=tuple(text for text in request.vary if _name(text) not in names),
        fix=tuple(text for text in request.fix if _name(text) not in names),
        levels=tuple(text for text in request.levels if _name(text) not in of_levels),
    )


def _name(text: str) -> str:
    return text.partition("=")[0]


def read_request(path: Path) -> LaunchRequest:
    """Read a request file.

    Raises:
        UserError: It cannot be read, lacks the study, or holds an option or a value that does not exist.
    """
    try:
        content = read_file(path)
    except OSError as error:
        raise UserError(f"request file {path}: {error.strerror or error}") from None
    try:
        if len(content) > _MOST_BYTES:
            raise UserError(f"it has {len(content):,} bytes; a request has a few hundred")
        values = READERS[path.suffix.lower()](_text(content))
        if not isinstance(values, Mapping):
            raise UserError("it must map options to values, such as `study: architecture`")
        study = values.get("study")
        if not isinstance(study, str) or not study:
            names = ", ".join(STUDIES)
            raise UserError(f"study takes a name ({names}) or a Python file, but got {study!r:.80}")
        return record_of(LaunchRequest, {k: v for k, v in values.items() if k != "study"}, study=study)
    except UserError as error:
        raise UserError(f"request file {path}: {error}") from None


def save_request_file(request: LaunchRequest, path: Path) -> None:
    """Write a request to a new file, only what differs from the defaults.

    Raises:
        UserError: The suffix is unknown, the file exists or cannot be written, or the request holds a secret.
    """
    assert isinstance(request.study, str), "requests of the command line name their study"
    if path.suffix.lower() not in WRITERS:
        raise UserError(f"--save-request {path}: the name must end in {', '.join(WRITERS)}")
    text = WRITERS[path.suffix.lower()]({"study": request.study, **values_of(request)})
    refuse_secret("the request", text)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"--save-request {path}: that file exists already; choose another name") from None
    except (OSError, UnicodeEncodeError) as error:
        raise UserError(f"--save-request {path}: {getattr(error, 'strerror', None) or error}") from None


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"it is no UTF-8 text ({error.reason} at byte {error.start})") from None
