"""Process B: reports in over HTTP, the live picture out over HTTP and WebSockets."""
