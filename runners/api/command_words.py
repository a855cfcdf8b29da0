"""A request as the command line that asks for the same."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import Any

from runners.api.option_table import Option, options_of
from runners.api.request import LaunchRequest


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
