"""What is trained: data, models, training. Knows nothing of Ray, Optuna or pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seatbelt.inference.model import Model as Model
    from seatbelt.inference.model import load_model as load_model

__version__ = "0.1.0"

__all__ = ["Model", "__version__", "load_model"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  (a module's attribute)
    """Import the model and its loader when they are used: torch takes seconds."""
    if name in ("Model", "load_model"):
        from seatbelt.inference import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
