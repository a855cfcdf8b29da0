"""Checks a cluster file by Ray's own schema, and the keys that the schema does not check."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
from collections.abc import Iterator
from typing import Any

from runners.cluster.allowed_keys import NODE_CONFIG, PROVIDER
from runners.cluster.problems import Problem, error, mapping, unknown_keys

_MESSAGE_CHARACTERS = 200


def check_schema(document: dict[str, Any]) -> Iterator[Problem]:
    """Validate as `ray up` does, without a network."""
    if "cluster_name" not in document:
        yield error("cluster_name", "is missing: Ray would call it `default`, as others may", "name it")
    provider = mapping(document.get("provider")).get("type")
    if provider == "local":
        fields = [name for name in ("available_node_types", "head_node", "worker_nodes") if document.get(name)]
        for name in fields:
            yield error(name, "the local provider takes no node types", "remove it; nodes are listed in provider")
        if fields:
            return
    yield from _validate(document)


def check_names(document: dict[str, Any]) -> Iterator[Problem]:
    """Check the keys of `provider` and of each `node_config`."""
    provider = mapping(document.get("provider"))
    kind = str(provider.get("type"))
    if kind in PROVIDER:
        yield from unknown_keys("provider", provider, PROVIDER[kind])
    if kind in NODE_CONFIG:
        for name, node in mapping(document.get("available_node_types")).items():
            place = f"available_node_types.{name}.node_config"
            yield from unknown_keys(place, mapping(mapping(node).get("node_config")), NODE_CONFIG[kind])


def _validate(document: dict[str, Any]) -> Iterator[Problem]:
    import jsonschema
    from ray.autoscaler._private.util import prepare_config, validate_config

    messages = io.StringIO()
    logging.getLogger("ray.autoscaler").setLevel(logging.ERROR)
    try:
        # Ray prints some faults and leaves the exception empty.
        with contextlib.redirect_stdout(messages), contextlib.redirect_stderr(messages):
            validate_config(prepare_config(copy.deepcopy(document)))
    except jsonschema.ValidationError as fault:
        yield from _schema_fault(fault)
    except Exception as fault:
        lines = [line for line in (str(fault).strip() or messages.getvalue().strip()).splitlines() if line.strip()]
        what = (lines[-1] if lines else type(fault).__name__)[:_MESSAGE_CHARACTERS]
        yield error("file", f"Ray refuses it: {what}", "see Ray's reference of cluster files")


def _schema_fault(fault: Any) -> Iterator[Problem]:  # noqa: ANN401  (jsonschema has no types)
    place = ".".join(map(str, fault.absolute_path))
    if fault.validator == "additionalProperties":
        yield from unknown_keys(place, fault.instance, fault.schema.get("properties", {}))
        return
    yield error(place or "file", str(fault.message)[:_MESSAGE_CHARACTERS], "see Ray's reference of cluster files")
