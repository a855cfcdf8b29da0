"""Estimators, intervals and tests, independent of any report or text."""
