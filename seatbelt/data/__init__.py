"""Data sets, splits, the decoded cache, augmentation and the embedded scenes."""
