"""Text for people: safe to print and consistently worded."""
