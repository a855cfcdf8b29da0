"""Plain values as YAML or TOML.

YAML is read and written by the core schema of YAML 1.2: `no`, `off` and dates are texts, `1e-3` is a number. Aliases
are refused, because a few lines of them can stand for gigabytes.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from seatbelt.errors import UserError

_CORE = {
    "tag:yaml.org,2002:null": (r"~|null|Null|NULL|", "~nN\0"),
    "tag:yaml.org,2002:bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "tag:yaml.org,2002:int": (r"[-+]?[0-9]+", "-+0123456789"),
    "tag:yaml.org,2002:float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}
"""Tag -> pattern of a plain scalar, and the characters that it may begin with; a number is an int if it can be."""


class _Loader(yaml.SafeLoader):
    """Reads plain values without anchors and repeated keys."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML's own form)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read; write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for name, _ in node.value:
            key = str(self.construct_object(name, deep=True))
            if key in seen:
                raise yaml.YAMLError(f"the key {key!r} stands there twice, again in line {name.start_mark.line + 1}")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        return int(self.construct_scalar(node))


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads back as the same values."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML's own form)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
for _kind in (_Loader, _Dumper):
    for _tag, (_pattern, _first) in _CORE.items():
        _kind.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), [*_first.replace("\0", ""), ""])


def from_yaml(text: str) -> object:
    """Return the value of a YAML document.

    Raises:
        UserError: It is no YAML, repeats a key, or has anchors.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UserError(f"{line}{error.problem}; mend the YAML") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise UserError(" ".join(str(error).split())) from None


def from_toml(text: str) -> object:
    """Return the table of a TOML document.

    Raises:
        UserError: It is no TOML, or repeats a key.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(str(error)) from None


def to_yaml(values: Mapping[str, Any]) -> str:
    """Return plain values as YAML, in their order."""
    # Letters that a YAML file must not hold as they are need the form that escapes all letters but ASCII.
    readable = json.dumps(values, ensure_ascii=False).isprintable()
    return str(yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=readable, width=100))


def to_toml(values: Mapping[str, Any]) -> str:
    """Return plain values as TOML: tables come last, as they must."""
    plain = [(key, value) for key, value in values.items() if not isinstance(value, Mapping)]
    lines = [f"{_toml_key(key)} = {_toml(value)}" for key, value in plain]
    for name, table in values.items():
        if isinstance(table, Mapping):
            lines += [
                "",
                f"[{_toml_key(name)}]",
                *(f"{_toml_key(key)} = {_toml(value)}" for key, value in table.items()),
            ]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    # Strings of JSON are strings of TOML, which also wants DEL escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)


READERS: dict[str, Callable[[str], object]] = {".yaml": from_yaml, ".yml": from_yaml, ".toml": from_toml}
WRITERS: dict[str, Callable[[Mapping[str, Any]], str]] = {".yaml": to_yaml, ".yml": to_yaml, ".toml": to_toml}
