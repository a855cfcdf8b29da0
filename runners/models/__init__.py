"""What is done with the trained networks of a sweep: export, predict, explain, show."""
