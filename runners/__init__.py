"""Decides what to run next, runs it, and keeps what was measured."""
