"""Executors of legs behind one interface."""
