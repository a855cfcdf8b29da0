"""Which images train, select and test: splits, mixture, composition."""
