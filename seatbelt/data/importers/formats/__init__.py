"""One module for each format of annotations that can be imported."""
