"""The factorial model as a sampler for any Optuna study."""
