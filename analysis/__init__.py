"""Answers from the Parquet tables of a sweep: no torch, no ray.

`analysis.load(path)` gives the tables as pandas data frames.
"""

from analysis.tables import Sweep, load

__all__ = ["Sweep", "load"]
