"""Decides what runs next. Pure functions of the plan and the history: no file, no clock, no engine."""
