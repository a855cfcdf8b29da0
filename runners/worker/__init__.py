"""What runs on a node: one leg of a trial, and the messages that it sends to the driver."""
