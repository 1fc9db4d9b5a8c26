"""What the API counts, under the names of the one table."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from live_state.metrics import register


class Measures:
    """The metrics of one API process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        made = register("api", self.registry)

        def counter(name: str) -> Counter:
            metric = made[name]
            assert isinstance(metric, Counter)
            return metric

        def gauge(name: str) -> Gauge:
            metric = made[name]
            assert isinstance(metric, Gauge)
            return metric

        def histogram(name: str) -> Histogram:
            metric = made[name]
            assert isinstance(metric, Histogram)
            return metric

        self.reports = counter("vigilits_reports_accepted_total")
        self.produce_seconds = histogram("vigilits_produce_seconds")
        self.outcome_seconds = histogram("vigilits_outcome_seconds")
        self.pending = counter("vigilits_pending_total")
        self.acts = counter("vigilits_acts_total")
        self.problems = counter("vigilits_problems_total")
        self.feed_entries = counter("vigilits_feed_entries_total")
        self.feed_lag = gauge("vigilits_feed_lag_seconds")
        self.clients = gauge("vigilits_clients")
        self.frames = counter("vigilits_frames_total")
        self.bytes = counter("vigilits_frame_bytes_total")
        self.snapshots = counter("vigilits_snapshots_total")
        self.resumes = counter("vigilits_resumes_total")
        self.resets = counter("vigilits_resets_total")
        self.fallen_behind = counter("vigilits_slow_clients_total")
        self.closed_slow = counter("vigilits_slow_clients_closed_total")

    def follow_up(self, outcome: str) -> None:
        """Count what was sent about followed patients: not what, nor why it was refused, as anybody reads counts.

        Of somebody who broke a glass, or agreed, there are so few that one more says who it was.
        """
        told = {"applied": "applied", "history": "applied", "pending": "pending"}.get(outcome, "refused")
        self.acts.labels("follow-up", told).inc()
