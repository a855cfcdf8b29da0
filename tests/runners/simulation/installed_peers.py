"""The peers that are installed here."""

from __future__ import annotations

from importlib.util import find_spec

from runners.simulation.peers.tools import PEERS

INSTALLED_PEERS = [name for name in PEERS if not name.startswith("syne-tune") or find_spec("syne_tune")]
