"""The report on sweeps: results, their certainty and their provenance."""

from analysis.report.build import build_report

__all__ = ["build_report"]
