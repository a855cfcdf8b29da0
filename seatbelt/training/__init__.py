"""Training a trial from one epoch to another, its metrics and its checkpoints."""
