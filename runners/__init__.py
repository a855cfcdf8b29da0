"""Decides what to run next, runs it, and keeps what was measured.

`sweep(study, ...)` launches a sweep from Python, `Sweep(location)` attaches to one: see docs/python.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runners.api.handle import Sweep, sweep

__all__ = ["Sweep", "sweep"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  (of any member)
    # To import the package must stay cheap: the command line does, and so does every worker.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from runners.api import handle

    return getattr(handle, name)
