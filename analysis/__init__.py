"""Answers from the Parquet tables of a sweep: no torch, no ray."""
