"""Sweeps for other tools: Optuna, MLflow, TensorBoard."""
