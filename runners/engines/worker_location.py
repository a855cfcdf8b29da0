"""The place of a Ray worker, and the places that the driver holds, exchanged through Ray's key-value store."""

from __future__ import annotations

import contextlib
import json
import socket
import time

from runners.engines.gpus import uuid_of
from runners.worker.messages import Place

_NAMESPACE = b"seatbelt"


def place_here() -> Place:
    """Return the place of this worker."""
    import ray

    context = ray.get_runtime_context()
    gpus = tuple(context.get_accelerator_ids().get("GPU", ()))
    uuids = tuple(uuid for uuid in map(uuid_of, gpus) if uuid is not None)
    return Place(node=context.get_node_id(), host=socket.gethostname(), gpus=gpus, uuids=uuids)


def publish_held(session: str, held: dict[str, float]) -> None:
    """Publish the held places for workers."""
    from ray.experimental.internal_kv import _internal_kv_put

    # Without a head nobody would read this.
    with contextlib.suppress(Exception):
        _internal_kv_put(_name(session), json.dumps(held).encode(), overwrite=True, namespace=_NAMESPACE)


def held_until(session: str, place: Place) -> float:
    """Return the end time of a place's hold; 0 if it is not held."""
    from ray.experimental.internal_kv import _internal_kv_get

    entry = _internal_kv_get(_name(session), namespace=_NAMESPACE)
    until = float(json.loads(entry).get(place.key, 0.0)) if entry else 0.0
    return until if until > time.time() else 0.0


def _name(session: str) -> bytes:
    return f"held-{session}".encode()
