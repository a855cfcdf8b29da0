"""What data sets and trials lack before anything is trained."""
