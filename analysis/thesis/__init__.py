"""The findings of the thesis as data, and what sweeps say about each."""
