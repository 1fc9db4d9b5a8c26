"""Sends what the region's notices shard has in its outbox, by every channel on its own, and says what became of it."""
