"""A world so small that tests can state its answers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from runners.simulation.peers.base import Peer
from runners.simulation.world import Floats
from search_spaces.axes import factor
from search_spaces.space import Cell, Exclusion, Space
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError

EPOCHS = 5


class SmallWorld:
    """Five cells and one that is excluded; two curves each, which rise to what the cell is worth."""

    name = "small"
    best = 0.75
    most_replicates: int | None = 2

    def __init__(self) -> None:
        exclusion = Exclusion(reason="too large", labels={"encoder": ("resnet50",), "decoder": ("unet",)})
        self.space = Space(
            factors=(factor("encoder", ["resnet18", "resnet34", "resnet50"]), factor("decoder", ["fpn", "unet"])),
            exclusions=(exclusion,),
        )
        self.base = TrialConfig().with_fields({"epochs": EPOCHS})
        self.trained: list[tuple[str, str, int]] = []

    def curve(self, cell: Cell, replicate: int) -> Floats:
        if self.space.excluded(cell) or replicate >= 2:
            raise UserError("there is no such curve")
        self.trained.append((cell["encoder"], cell["decoder"], replicate))
        return np.asarray(self.quality(cell) * np.arange(1, EPOCHS + 1) / EPOCHS)

    def cost(self, cell: Cell) -> float:
        return {"resnet18": 0.5, "resnet34": 1.0, "resnet50": 1.5}[cell["encoder"]]

    def quality(self, cell: Cell) -> float:
        worth = {"resnet18": 0.5, "resnet34": 0.6, "resnet50": 0.7}[cell["encoder"]]
        return worth + (0.05 if cell["decoder"] == "fpn" else 0.0)


EVERY_CURVE = sorted(
    (encoder, decoder, replicate)
    for encoder, decoder in [
        ("resnet18", "fpn"),
        ("resnet18", "unet"),
        ("resnet34", "fpn"),
        ("resnet34", "unet"),
        ("resnet50", "fpn"),
    ]
    for replicate in (0, 1)
)


def all_suggested(peer: Peer, world: SmallWorld) -> Iterator[tuple[int, Cell]]:
    """Yield each trial that a peer suggests before it is trained to its end: each curve of the world, once."""
    trained = []
    while (suggested := peer.suggest()) is not None:
        number, cell = suggested
        assert world.space.excluded(cell) is None
        yield number, cell
        assert not peer.report(number, EPOCHS, 0.5)
        peer.ended(number, failed=False)
        trained.append((cell["encoder"], cell["decoder"]))
    assert sorted(trained) == [(encoder, decoder) for encoder, decoder, _ in EVERY_CURVE]
