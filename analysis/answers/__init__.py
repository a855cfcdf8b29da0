"""Answers to users' questions as data: ranking, comparison, effects, importance, rungs, query."""
