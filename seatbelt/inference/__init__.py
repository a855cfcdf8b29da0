"""A trained model in use: the model folder, prediction, and graphs that other programs load."""
