"""Other search tools in the same simulated worlds as our strategies."""
