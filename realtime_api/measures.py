"""What the API counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.3, 2.5, 5, 10)


class Measures:
    """Every measure of one API process; names are those of the table in `live_state/metrics.py`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = Counter("vigilits_api_events", "Events accepted", ["door"], registry=self.registry)
        self.produce_seconds = Histogram(
            "vigilits_api_produce_seconds", "An append to the log", buckets=SECONDS, registry=self.registry
        )
        self.outcome_seconds = Histogram(
            "vigilits_api_outcome_seconds",
            "From an append's end to its outcome",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.pending = Counter("vigilits_api_pending", "Commands answered before their outcome", registry=self.registry)
        self.problems = Counter("vigilits_api_problems", "Problems answered", ["kind"], registry=self.registry)
        self.feed_entries = Counter("vigilits_api_feed_entries", "Entries read", ["region"], registry=self.registry)
        self.feed_lag = Gauge(
            "vigilits_api_feed_lag_seconds",
            "Age of the last feed entry when it was read",
            ["region"],
            registry=self.registry,
        )
        self.clients = Gauge("vigilits_api_clients", "Open sockets", ["codec"], registry=self.registry)
        self.frames = Counter("vigilits_api_frames", "Frames written to sockets", registry=self.registry)
        self.bytes = Counter("vigilits_api_frame_bytes", "Bytes of those frames", registry=self.registry)
        self.snapshots = Counter("vigilits_api_snapshots", "Snapshots sent", registry=self.registry)
        self.resumes = Counter("vigilits_api_resumes", "Returns answered by changes alone", registry=self.registry)
        self.resets = Counter("vigilits_api_resets", "Listeners told to forget what they hold", registry=self.registry)
        self.fallen_behind = Counter(
            "vigilits_api_slow_clients", "Times a socket was full and skipped", registry=self.registry
        )
        self.closed_slow = Counter(
            "vigilits_api_slow_clients_closed", "Sockets closed for staying full", registry=self.registry
        )
        self.oldest = Gauge(
            "vigilits_api_oldest_figure_seconds",
            "Age of the oldest figure that counts in a region's total",
            ["region", "kind"],
            registry=self.registry,
        )
