"""Plain values, as Python and request files give them, made into a record of options, and back."""

from __future__ import annotations

import difflib
import enum
import math
import numbers
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from runners.api.assignments import ASSIGNMENTS, assignment_mapping, assignment_texts
from runners.api.option_table import Option, options_of
from runners.session.options import RunOptions
from seatbelt.errors import UserError
from seatbelt.machine.home import expand

R = TypeVar("R", bound=RunOptions)

_WORDS: dict[Any, tuple[str, str]] = {
    bool: ("true or false", "true and false"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a text", "texts"),
    Path: ("a path", "paths"),
}
"""Type -> what it is called, and in the plural."""


class _RefusedError(Exception):
    """A value has another type or lies outside of the range."""


def record_of(kind: type[R], values: Mapping[str, Any], **more: Any) -> R:  # noqa: ANN401
    """Return a record of options from plain values.

    Args:
        kind: The record.
        values: Key -> value; `-` and `_` are alike in keys. A text may take the place of other values that have a
            written form: `size: 96x160`.
        more: Fields that are no options.

    Raises:
        UserError: There is no such option, or it does not take this value.
    """
    options, chosen = options_of(kind), dict[str, Any]()
    for key, value in values.items():
        option = options.get(key.replace("-", "_")) if isinstance(key, str) else None
        if option is None:
            raise UserError(_unknown(key, options))
        if option.field in chosen:
            raise UserError(f"{key} is given twice, with - and with _; use one of them")
        chosen[option.field] = _converted(option, key, value)
    return kind(**more, **chosen, named=frozenset(chosen))


def values_of(record: Any) -> dict[str, Any]:  # noqa: ANN401  (any record of options)
    """Return the plain values of the options that are not the default: texts, numbers, booleans, lists and mappings.

    Raises:
        UserError: An option on the command line names something twice or lacks its name.
    """
    values: dict[str, Any] = {}
    for key, option in options_of(type(record)).items():
        value = getattr(record, option.field)
        if value == option.default:
            continue
        if option.field in ASSIGNMENTS:
            values[key] = assignment_mapping(option.flag, option.field, value)
        elif option.field == "size":
            values[key] = "x".join(map(str, value))
        else:
            values[key] = [_plain(item) for item in value] if isinstance(value, tuple) else _plain(value)
    return values


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, enum.Enum):
        return value.value
    return os.fspath(value) if isinstance(value, Path) else value


def _unknown(key: object, options: Mapping[str, Option]) -> str:
    near = difflib.get_close_matches(str(key).replace("-", "_"), options, n=1, cutoff=0.6)
    return f"no option {key!r}; " + (f"did you mean {near[0]}?" if near else f"options are {', '.join(options)}")


def _converted(option: Option, key: str, value: object) -> Any:  # noqa: ANN401
    if value is None and option.default is None:
        return None
    if option.field in ASSIGNMENTS:
        return assignment_texts(option.field, key, value)
    if isinstance(value, str) and option.info.parser is not None:
        try:
            return option.info.parser(value)
        except UserError as error:
            raise UserError(f"{key}{str(error).removeprefix(option.flag)}") from None
    try:
        return _of_kind(option, option.kind, value)
    except _RefusedError:
        raise UserError(f"{key} takes {_allowed(option)}, but got {value!r:.80}") from None


def _of_kind(option: Option, kind: Any, value: object) -> Any:  # noqa: ANN401
    if get_origin(kind) in (Union, UnionType):
        return _of_first_kind(option, get_args(kind), value)
    if get_origin(kind) is tuple:
        return _items(option, get_args(kind), value)
    if get_origin(kind) is Literal:
        return _checked(value, isinstance(value, str) and value in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(_checked(value, value in [member.value for member in kind]))
    if kind is bool:
        return _checked(value, isinstance(value, bool))
    if kind in (int, float):
        return _number(option, kind, value)
    text = os.fspath(_checked(value, isinstance(value, str | os.PathLike)))
    _checked(value, isinstance(text, str) and text != "" and "\0" not in text)
    if kind is Path:
        return expand(text)
    return os.fspath(expand(text)) if text.startswith("~") else text


def _of_first_kind(option: Option, kinds: tuple[Any, ...], value: object) -> Any:  # noqa: ANN401
    for kind in kinds:
        try:
            return _of_kind(option, kind, value)
        except _RefusedError:
            continue
    raise _RefusedError


def _items(option: Option, kinds: tuple[Any, ...], value: object) -> tuple[Any, ...]:
    """Return a tuple of values; a single one may stand for itself."""
    is_list = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | os.PathLike)
    items = list(value) if is_list else [value]  # type: ignore[call-overload]
    if kinds[-1] is not ...:
        _checked(value, len(items) == len(kinds))
    if option.field == "all_subsets":
        _checked(value, len(set(items)) == len(items) and not any("," in str(item) for item in items))
    return tuple(_of_kind(option, kinds[0], item) for item in items)


def _number(option: Option, kind: type, value: object) -> int | float:
    of_kind = numbers.Integral if kind is int else numbers.Real
    _checked(value, isinstance(value, of_kind) and not isinstance(value, bool))
    number: int | float = kind(value)
    low, high = option.info.min, option.info.max
    _checked(value, math.isfinite(number) and (low is None or number >= low) and (high is None or number <= high))
    return number


def _checked(value: Any, is_allowed: bool) -> Any:  # noqa: ANN401
    if not is_allowed:
        raise _RefusedError
    return value


def _allowed(option: Option) -> str:
    """Return what an option takes, in words."""
    kind = option.kind
    if get_origin(kind) is not tuple:
        return _words(option, kind)
    item, *others = get_args(kind)
    if issubclass(item, enum.Enum):
        return f"{_words(option, item)}, or a list of them"
    items = _words(option, item, plural=True)
    several = f"a list of {items}" if ... in others else f"two {items}"
    different = " that differ and have no commas" if option.field == "all_subsets" else ""
    return f"{option.info.metavar or _words(option, item)} or {several}{different}"


def _words(option: Option, kind: Any, *, plural: bool = False) -> str:  # noqa: ANN401
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_words(option, member) for member in get_args(kind))
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        choices = tuple(member.value for member in kind)
    if choices:
        return f"one of {', '.join(choices)}" if len(choices) > 1 else str(choices[0])
    words = _WORDS[kind][plural]
    if kind in (int, float):
        words += f" from {option.info.min:g}" if option.info.min is not None else ""
        words += f" to {option.info.max:g}" if option.info.max is not None else ""
    return words
