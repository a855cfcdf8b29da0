"""Answers from the Parquet tables of a sweep: no torch, no ray.

`analysis.load(location)` opens one sweep, `analysis.load_all(patterns)` several; their tables are pandas data frames.
"""

from analysis.sweep import Sweep, load
from analysis.sweeps import Sweeps, load_all

__all__ = ["Sweep", "Sweeps", "load", "load_all"]
