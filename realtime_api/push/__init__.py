"""From the feed of a region to its listeners: relay, hub, outbox, session, endpoint."""
