"""A request as the command line that asks for the same."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from runners.api.option_table import Option, options_of
from runners.api.request import LaunchRequest
from runners.api.request_file import is_request_file, read_request, without_names


def launch_command(request: LaunchRequest, without: Collection[str] = ()) -> list[str]:
    """Return the words of `seatbelt sweep` for a request.

    Args:
        request: The request.
        without: Flags to leave out.
    """
    study = request.study if isinstance(request.study, str) else f"<{request.study.name}, a study made in Python>"
    words = ["sweep", study]
    for option in options_of(LaunchRequest).values():
        value = getattr(request, option.field)
        if value != option.default and option.flag not in without:
            words += [word for text in _texts(option, value) for word in _words(option, text)]
    return words


def without_request_file(arguments: Sequence[str]) -> list[str]:
    """Return the words of a command, with `sweep FILE` replaced by what the request file asks for.

    Args:
        arguments: The words after `seatbelt`, with the study or the file as the second.

    Raises:
        UserError: The file cannot be used.
    """
    if arguments[:1] != ["sweep"] or not is_request_file("".join(arguments[1:2])):
        return list(arguments)
    _, file, *others = arguments
    flags = {word.partition("=")[0] for word in others if word.startswith("-")}
    set_texts, fix_texts, level_texts = (_values(others, flag) for flag in ("--set", "--fix", "--levels"))
    request = without_names(read_request(Path(file)), vary=set_texts, fix=fix_texts, levels=level_texts)
    return [*launch_command(request, without=flags - {"--set", "--fix", "--levels"}), *others]


def _values(words: Sequence[str], flag: str) -> list[str]:
    """Return the values of an option that may be repeated."""
    values = [word.removeprefix(f"{flag}=") for word in words if word.startswith(f"{flag}=")]
    return values + [value for word, value in itertools.pairwise(words) if word == flag]


def _words(option: Option, text: str | None) -> list[str]:
    if text is None:
        return [option.flag]
    return [f"{option.flag}={text}"] if text.startswith("-") else [option.flag, text]


def _texts(option: Option, value: Any) -> Iterator[str | None]:  # noqa: ANN401
    """Yield what stands after the flag, each time that it stands there; None for nothing."""
    if isinstance(value, bool):
        yield None
    elif option.info.parser is not None and isinstance(value, tuple):
        yield ("x" if option.field == "size" else ",").join(map(str, value))
    elif isinstance(value, tuple):
        yield from map(os.fspath, value)
    else:
        yield str(value)
