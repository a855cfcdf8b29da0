"""Answers from the Parquet tables of a sweep: no torch, no ray.

`analysis.load(location)` opens one sweep, `analysis.load_all(patterns)` several; their tables are pandas data frames.
"""

from analysis.several import Sweeps, load_all
from analysis.tables import Sweep, load

__all__ = ["Sweep", "Sweeps", "load", "load_all"]
