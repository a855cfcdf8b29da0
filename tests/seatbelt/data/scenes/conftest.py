"""Scenes that several tests look at."""

from collections.abc import Callable

import pytest

from seatbelt.data.scenes import GENERATIONS
from seatbelt.data.scenes.parameters import SceneParameters
from seatbelt.data.scenes.stage import Staged, set_stage
from seatbelt.data.scenes.streams import Streams


@pytest.fixture
def staged() -> Callable[..., Staged]:
    """Build a scene without tracing it."""

    def build(
        parameters: SceneParameters | str, index: int, *, seed: int = 0, width: int = 96, height: int = 54
    ) -> Staged:
        chosen = GENERATIONS[parameters] if isinstance(parameters, str) else parameters
        return set_stage(chosen, Streams(name=chosen.name, index=index, seed=seed), width, height)

    return build
