"""Data sets, splits, the decoded cache, augmentation, importers and the embedded scenes."""
