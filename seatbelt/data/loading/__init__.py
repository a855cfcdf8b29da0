"""From data sets to batches: decoded copies, samples of a trial, loaders."""
