"""Small sweeps of real trainings without pruning, for replay: how they are made, and their tables."""

from pathlib import Path

RECORDED_SWEEPS = Path(__file__).parent
"""Holds a folder for each recorded sweep."""
