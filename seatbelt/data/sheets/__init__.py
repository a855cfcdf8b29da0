"""Contact sheets: pictures of data sets and of augmentations."""
