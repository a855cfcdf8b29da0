"""Solids, belts as ribbons, and the rays that hit them."""
