"""Embedded scenes: rendered car occupants with belts and exact masks, for use without other data."""

from seatbelt.data.scenes.generations import GENERATIONS
from seatbelt.data.scenes.labels import LABELS
from seatbelt.data.scenes.parameters import SceneParameters
from seatbelt.data.scenes.rendering import Scene, render
from seatbelt.data.scenes.writer import write_dataset

__all__ = ["GENERATIONS", "LABELS", "Scene", "SceneParameters", "render", "write_dataset"]
