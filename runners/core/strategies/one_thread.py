"""Runs linear algebra with one thread: more slow small matrices down, and sums depend on their number."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import scipy.linalg  # noqa: F401 brings a library of its own, which must be there to be found
from threadpoolctl import ThreadpoolController

_P = ParamSpec("_P")
_R = TypeVar("_R")


def one_thread(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return a function whose linear algebra uses one thread."""

    @functools.wraps(function)
    def limited(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with _libraries().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited


@functools.cache
def _libraries() -> Any:  # noqa: ANN401  (threadpoolctl has no types)
    return ThreadpoolController()
