"""What is trained: data, models, training. Knows nothing of Ray, Optuna or pandas."""

__version__ = "0.1.0"
