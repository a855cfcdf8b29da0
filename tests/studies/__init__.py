"""Every study from end to end."""
