"""The images for training, selection and test: splits, mixture, composition."""
