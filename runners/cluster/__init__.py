"""Clusters: what is wrong with a cluster file before it costs money, starting one, and who is let in."""
