"""Contract 1: what is on the log."""
