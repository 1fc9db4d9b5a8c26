"""What a worker counts, under the names of the one table."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from domain.alerts.worth import Gain
from domain.followup.alert import RULE as PATIENT
from event_log.topics import region_of
from live_state.metrics import register


def tens(count: int) -> int:
    """Return a count of patients as anybody may read it, rounded up: an exact one tells when one comes or goes."""
    return -(-count // 10) * 10


class Measures:
    """The metrics of one worker process; they are counted once a batch, never once a record."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        made = register("worker", self.registry)

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

        self.events = counter("vigilits_events_folded_total")
        self.commits = counter("vigilits_commits_total")
        self.fold_seconds = histogram("vigilits_fold_seconds")
        self.commit_seconds = histogram("vigilits_commit_seconds")
        self.position = gauge("vigilits_position")
        self.position_lag = gauge("vigilits_position_lag")
        self.clock_age = gauge("vigilits_clock_age_seconds")
        self.dead_letters = counter("vigilits_dead_letters_total")
        self.ticks = counter("vigilits_ticks_total")
        self.reloads = counter("vigilits_reloads_total")
        self.shard_ready = gauge("vigilits_shard_ready")
        self.oldest_figure = gauge("vigilits_oldest_figure_seconds")
        self.notices_sent = counter("vigilits_notices_sent_total")
        self.notices_failed = counter("vigilits_notices_failed_total")
        self.notice_retries = counter("vigilits_notice_retries_total")
        self.notices_waiting = gauge("vigilits_notices_waiting")
        self.channel_breaker = gauge("vigilits_channel_breaker")
        self.notice_seconds = histogram("vigilits_notice_seconds")
        self.alerts = counter("vigilits_alerts_total")
        self.taken_seconds = histogram("vigilits_alert_taken_seconds")
        self.words_left_off = gauge("vigilits_words_left_off")
        self.erasures_due = gauge("vigilits_erasures_due")
        self._erased = counter("vigilits_patients_erased_total")
        self._erasures: dict[str, int] = {}  # by shard, to the last one
        self.summaries_waiting = gauge("vigilits_summaries_waiting")
        self.summaries_failed = counter("vigilits_summaries_failed_total")
        self.steps_forwarded = counter("vigilits_steps_forwarded_total")
        self.steps_waiting = gauge("vigilits_steps_waiting")
        self.steps_age = gauge("vigilits_steps_age_seconds")
        self.patients = gauge("vigilits_followed_patients")
        self.patients_unreadable = gauge("vigilits_patients_unreadable")
        self.charts_open = gauge("vigilits_charts_open")

    def committed(self, shard: str, count: int, offset: int, seconds: float) -> None:
        """Count a commit."""
        self.events.labels(shard).inc(count)
        self.commits.labels(shard).inc()
        self.commit_seconds.labels(shard).observe(seconds)
        self.position.labels(shard).set(offset)

    def gained(self, region: str, gains: Iterable[Gain]) -> None:
        """Count what became of alerts; how many of patients there were would be a count of patients."""
        for rule, counts, took_s in gains:
            if rule == PATIENT:
                continue
            for what, count in counts.items():
                self.alerts.labels(region, rule, what).inc(count)
            for seconds in took_s:
                self.taken_seconds.labels(region, rule).observe(seconds)

    def erased(self, shard: str, number: int) -> None:
        """Count patients who were erased, in tens."""
        before = self._erasures.get(shard, 0)
        self._erasures[shard] = before + number
        self._erased.labels(shard).inc(tens(before + number) - tens(before))

    def forget(self, shard: str) -> None:
        """Tell nothing more of a shard that another worker has by now."""
        for gauge in (
            self.position,
            self.position_lag,
            self.clock_age,
            self.shard_ready,
            self.steps_waiting,
            self.steps_age,
            self.words_left_off,
            self.erasures_due,
            self.summaries_waiting,
            self.patients,
            self.patients_unreadable,
            self.charts_open,
        ):
            gauge.remove_by_labels({"shard": shard})
        if shard.startswith("capacity:"):
            self.oldest_figure.remove_by_labels({"region": region_of(shard)})
