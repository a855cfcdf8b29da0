"""Dotted paths into a trial configuration of nested plain values, such as `model.encoder`.

A member of a set, `augmentation.transforms.cutout`, is True or False. A share of the composition,
`data.composition.seat=empty`, is a number, or None if the composition does not mention it. A transform of
albumentations, `augmentation.library.MotionBlur`, is its parameters as JSON, or None if it is switched off.
"""

from __future__ import annotations

from typing import Any

from seatbelt.errors import UserError

SHARE_FIELD = "data.composition."
"""Prefix of the path of a tag's share. `TAG=VALUE` follows; the value is free text and may contain dots."""

LIBRARY_FIELD = "augmentation.library."
"""Prefix of the path of a transform of albumentations."""


def field_value(tree: dict[str, Any], path: str) -> Any:  # noqa: ANN401  (any field's value)
    """Return the value at a path of a complete configuration."""
    if path.startswith(SHARE_FIELD):
        tag, _, value = path.removeprefix(SHARE_FIELD).partition("=")
        shares = (item["share"] for item in tree["data"]["composition"] if (item["tag"], item["value"]) == (tag, value))
        return next(shares, None)
    if path.startswith(LIBRARY_FIELD):
        name = path.removeprefix(LIBRARY_FIELD)
        library = tree["augmentation"]["library"]
        return next((item["parameters"] for item in library if item["name"] == name), None)
    node: Any = tree
    for name in path.split("."):
        node = node[name] if isinstance(node, dict) else name in node
    return node


def set_field(tree: dict[str, Any], path: str, value: Any) -> None:  # noqa: ANN401
    """Change a configuration in place.

    Raises:
        UserError: The field does not exist.
    """
    if path.startswith(SHARE_FIELD):
        _set_share(tree, path.removeprefix(SHARE_FIELD), value)
        return
    if path.startswith(LIBRARY_FIELD):
        _set_library(tree, path.removeprefix(LIBRARY_FIELD), value)
        return
    *parents, leaf = path.split(".")
    branch: Any = tree
    for name in parents[:-1]:
        branch = branch.get(name) if isinstance(branch, dict) else None
    holder = branch.get(parents[-1]) if parents and isinstance(branch, dict) else branch
    if isinstance(holder, tuple) and isinstance(value, bool):
        others = tuple(member for member in holder if member != leaf)
        branch[parents[-1]] = (*others, leaf) if value else others
        return
    if not isinstance(holder, dict) or leaf not in holder:
        raise UserError(f"the trial configuration has no field {path!r}")
    holder[leaf] = value


def _set_share(tree: dict[str, Any], key: str, share: Any) -> None:  # noqa: ANN401
    tag, equals, value = key.partition("=")
    if not equals:
        raise UserError(f"the trial configuration has no field {SHARE_FIELD + key!r}; write {SHARE_FIELD}TAG=VALUE")
    others = (item for item in tree["data"]["composition"] if (item["tag"], item["value"]) != (tag, value))
    added = () if share is None else ({"tag": tag, "value": value, "share": share},)
    tree["data"]["composition"] = (*others, *added)


def _set_library(tree: dict[str, Any], name: str, parameters: Any) -> None:  # noqa: ANN401
    others = (item for item in tree["augmentation"]["library"] if item["name"] != name)
    added = () if parameters is None else ({"name": name, "parameters": parameters},)
    tree["augmentation"]["library"] = (*others, *added)
