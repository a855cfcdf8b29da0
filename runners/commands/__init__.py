"""One module for each thing a user does that takes more than one call."""
