"""Where a worker of Ray is, and which places the driver holds: what both sides read and write through Ray."""

from __future__ import annotations

import contextlib
import json
import socket
import time

from runners.engines.gpus import uuid_of
from runners.worker.messages import Place

_NAMESPACE = b"seatbelt"


def place_here() -> Place:
    """Return where this worker runs."""
    import ray

    context = ray.get_runtime_context()
    gpus = tuple(context.get_accelerator_ids().get("GPU", ()))
    uuids = tuple(uuid for uuid in map(uuid_of, gpus) if uuid is not None)
    return Place(node=context.get_node_id(), host=socket.gethostname(), gpus=gpus, uuids=uuids)


def publish_held(session: str, held: dict[str, float]) -> None:
    """Let workers know which places are held."""
    from ray.experimental.internal_kv import _internal_kv_put

    # Where the head is gone, so is everything that would read this.
    with contextlib.suppress(Exception):
        _internal_kv_put(_name(session), json.dumps(held).encode(), overwrite=True, namespace=_NAMESPACE)


def held_until(session: str, place: Place) -> float:
    """Return the time until which a place is held; 0 if it is not, or not any more."""
    from ray.experimental.internal_kv import _internal_kv_get

    entry = _internal_kv_get(_name(session), namespace=_NAMESPACE)
    until = float(json.loads(entry).get(place.key, 0.0)) if entry else 0.0
    return until if until > time.time() else 0.0


def _name(session: str) -> bytes:
    return f"held-{session}".encode()
