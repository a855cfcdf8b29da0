"""Checks of data sets and trials before anything is trained."""
