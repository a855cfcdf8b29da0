"""A peer whose package is missing says what to install."""

from __future__ import annotations

import sys

import pytest

from runners.simulation.peers.tools import PEERS
from seatbelt.errors import UserError
from tests.runners.simulation.small_world import SmallWorld


def test_a_missing_package_is_named_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "syne_tune", None)
    monkeypatch.setitem(sys.modules, "syne_tune.optimizer", None)
    with pytest.raises(
        UserError, match=r"syne-tune-bohb needs Syne Tune, .* --constraint constraints.txt -e '\.\[peers\]'"
    ):
        PEERS["syne-tune-bohb"](SmallWorld(), 0)
