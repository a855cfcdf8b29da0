"""Geometry: solids, ribbons of webbing, and ray casting."""
