"""Reads the tables of sweeps and looks up arms and trials in them."""
