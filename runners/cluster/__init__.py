"""Cluster files: checks before they cost money, the commands that start clusters, and the token."""
