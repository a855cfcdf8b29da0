"""The report on sweeps: what was found, how sure it is, and what it was made of."""

from analysis.report.build import build_report

__all__ = ["build_report"]
