"""Sweeps in virtual time: the product's own decisions, and those of other tools, over curves that are known."""
