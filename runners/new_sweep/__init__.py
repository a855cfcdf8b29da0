"""From a request to the description of a sweep, checked before the first trial."""
