"""Small sweeps of real trainings without pruning, for replay: how they are made, and their tables."""

from pathlib import Path

KEPT = Path(__file__).parent
"""Beside this file, a folder for each sweep that is kept."""
