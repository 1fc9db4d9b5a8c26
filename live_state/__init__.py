"""Contract 2: what is in Redis."""
