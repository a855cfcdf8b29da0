"""Architectures, pretrained weights and losses."""
