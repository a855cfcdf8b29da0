"""Options that commands share. The fields of an annotated record become the options of each command that takes it."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import typer

R = TypeVar("R")

SweepArgument = Annotated[str, typer.Argument(help="The sweep: its folder, or s3://BUCKET/PREFIX.")]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

WideOption = Annotated[bool, typer.Option("--wide", help="Show all columns, also on a narrow terminal.")]

TRIAL = "A trial: its number such as 7 or [7], best, or the first digits of its key."
ARM = (
    "An arm: best, the number of one of its trials such as 7 or [7], its name such as 'resnet18 unet', "
    "factor=level,factor=level, or the first digits of its key."
)

SweepArguments = Annotated[
    list[str],
    typer.Argument(metavar="SWEEP...", help="Sweeps: folders, patterns such as 'sweeps/*', s3://BUCKET/PREFIX."),
]

_CONTEXT = "context"
NAMED = "named"
"""A record with this field receives the names of the fields that the user set."""


def with_records(command: Callable[..., R]) -> Callable[..., R]:
    """Return a command for Typer that has an option for each annotated field of each record parameter.

    Args:
        command: Its parameters are Typer's own, or dataclasses whose fields are `Annotated[..., typer.Option(...)]`.
            A tuple field becomes an option that may be repeated, unless its option has a parser.
    """
    hints = get_type_hints(command, include_extras=True)
    hints.pop("return", None)
    records: dict[str, type[Any]] = {
        name: hint for name, hint in hints.items() if isinstance(hint, type) and dataclasses.is_dataclass(hint)
    }
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in records:
            parameters += _parameters(records[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))

    # Typer knows which options the user set only through its context.
    parameters.append(inspect.Parameter(_CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context))

    def run(**values: Any) -> R:  # noqa: ANN401
        return command(**{n: _build(records[n], values) if n in records else values[n] for n in hints})

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameters(record: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(record, include_extras=True)
    parameters = []
    for field in _options(record):
        kind, option = get_args(hints[field.name])
        default = field.default
        if option.parser is not None:
            # Typer would hide the parser's own error, and take a tuple for several values.
            kind, default, option = str | None, None, copy.copy(option)
            option.parser = option.min = None
        elif get_origin(kind) is tuple:
            kind, default = list[get_args(kind)[0]] | None, None  # type: ignore[misc]
        parameters.append(
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
            )
        )
    return parameters


def _options(record: type[Any]) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(record) if field.name != NAMED]


def _build(record: type[Any], values: dict[str, Any]) -> Any:  # noqa: ANN401
    hints, fields = get_type_hints(record, include_extras=True), {}
    for field in _options(record):
        value, parser = values[field.name], get_args(hints[field.name])[1].parser
        if value is None:
            value = field.default
        elif parser is not None:
            value = parser(value)
        fields[field.name] = tuple(value) if isinstance(value, list) else value
    if NAMED in {field.name for field in dataclasses.fields(record)}:
        context = values[_CONTEXT]
        sources = {name: context.get_parameter_source(name) for name in fields}
        fields[NAMED] = frozenset(name for name, source in sources.items() if source and source.name != "DEFAULT")
    return record(**fields)
