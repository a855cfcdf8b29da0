"""A leg without work, for workers of the benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runners.worker.messages import LegMessage
from tests.runners.conftest import ended_message, epoch_message


def run_leg(spec: Any) -> Iterator[LegMessage]:
    """Answer as a leg would, at once."""
    for epoch in range(spec.recorded_epochs + 1, spec.stop + 1):
        yield epoch_message(epoch, 0.5)
    yield ended_message("complete" if spec.stop == spec.config.epochs else "paused", spec.stop)
