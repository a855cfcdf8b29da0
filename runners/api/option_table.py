"""The options of a record: annotated fields, under the names that command line and request files give them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from typer.models import OptionInfo

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of a record."""

    field: str
    """Name of the field."""
    flag: str
    """Name on the command line, such as `--max-epochs`."""
    kind: Any
    """Its type; a union does not hold None."""
    default: Any
    info: OptionInfo
    """Its range, parser and placeholder."""

    @property
    def key(self) -> str:
        """Name in Python and in request files, such as `max_epochs`."""
        return self.flag.removeprefix("--").replace("-", "_")


def options_of(record: type[Any]) -> dict[str, Option]:
    """Return key -> option of each field that is annotated with one."""
    hints = get_type_hints(record, include_extras=True)
    options = {}
    for field in fields(record):
        kind, *notes = get_args(hints[field.name]) or (None,)
        if not notes or not isinstance(notes[0], OptionInfo):
            continue
        info = notes[0]
        # Where an annotation holds it, Typer takes the first name for the default.
        names = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
        flag = next((name for name in names if name.startswith("--")), f"--{field.name.replace('_', '-')}")
        option = Option(field=field.name, flag=flag, kind=_without_none(kind), default=field.default, info=info)
        options[option.key] = option
    return options


def with_options(record: type[Any]) -> Callable[[F], F]:
    """Return a decorator that shows editors, notebooks and `help` the options of a record instead of `**options`."""

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        named = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        options = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=option.default)
            for key, option in options_of(record).items()
        ]
        function.__signature__ = signature.replace(parameters=[*named, *options])  # type: ignore[attr-defined]
        return function

    return decorate


def _without_none(kind: Any) -> Any:  # noqa: ANN401  (a type or a union)
    if get_origin(kind) not in (Union, UnionType):
        return kind
    members = tuple(member for member in get_args(kind) if member is not NoneType)
    return Union[members]  # noqa: UP007  (of a number of members that only runtime tells)
