"""Every metric of vigilits in one table: the processes register theirs from it, and docs/metrics.md is made from it."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each counter, which nobody asks for

Sort = Literal["counter", "gauge", "histogram"]

NOTICE_S = (1.0, 5.0, 15.0, 60.0, 300.0, 600.0, 3600.0)
TAKEN_S = (60.0, 300.0, 600.0, 3600.0)  # as Grafana OnCall has them (domain facts §8.2)
BATCH_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metric(NamedTuple):
    """One metric: where it is served, its name, labels and sentence."""

    process: Literal["worker", "api"]
    name: str
    sort: Sort
    labels: tuple[str, ...]
    sentence: str
    buckets: tuple[float, ...] = ()


TABLE: tuple[Metric, ...] = (
    Metric("worker", "vigilits_events_folded_total", "counter", ("shard",), "Records folded and committed."),
    Metric("worker", "vigilits_commits_total", "counter", ("shard",), "Commits made to the live state."),
    Metric(
        "worker", "vigilits_fold_seconds", "histogram", ("shard",), "Time to fold what goes into one commit.", BATCH_S
    ),
    Metric(
        "worker",
        "vigilits_commit_seconds",
        "histogram",
        ("shard",),
        "Time until the live state took a commit.",
        BATCH_S,
    ),
    Metric("worker", "vigilits_position", "gauge", ("shard",), "Offset of the last record folded."),
    Metric(
        "worker", "vigilits_position_lag", "gauge", ("shard",), "Records on the log, as far as seen, yet to be folded."
    ),
    Metric("worker", "vigilits_clock_age_seconds", "gauge", ("shard",), "Now, less the shard's clock as folded."),
    Metric("worker", "vigilits_dead_letters_total", "counter", ("shard",), "Records that went to the dead letters."),
    Metric("worker", "vigilits_ticks_total", "counter", ("shard",), "Ticks appended because nothing else was."),
    Metric(
        "worker",
        "vigilits_reloads_total",
        "counter",
        ("topic", "partition", "reason"),
        "Times a shard dropped its memory and began again from its position.",
    ),
    Metric(
        "worker",
        "vigilits_steps_forwarded_total",
        "counter",
        ("shard",),
        "Steps of alerts, and what else crosses, that the region's notices log has acknowledged.",
    ),
    Metric(
        "worker",
        "vigilits_steps_waiting",
        "gauge",
        ("shard",),
        "Steps of alerts, and what else crosses, that have yet to go to the region's notices shard.",
    ),
    Metric(
        "worker", "vigilits_steps_age_seconds", "gauge", ("shard",), "Age of the oldest of those steps, 0 without any."
    ),
    Metric(
        "worker",
        "vigilits_followed_patients",
        "gauge",
        ("shard",),
        "Patients that a followup shard has, erased ones not, rounded up to tens: an exact one tells of single people.",
    ),
    Metric(
        "worker",
        "vigilits_erasures_due",
        "gauge",
        ("shard",),
        "Patients whose content is to be destroyed and is not yet, rounded up to tens: not 0 for minutes is trouble.",
    ),
    Metric(
        "worker",
        "vigilits_patients_erased_total",
        "counter",
        ("shard",),
        "Patients' keys that were destroyed, rounded up to tens.",
    ),
    Metric(
        "worker",
        "vigilits_summaries_waiting",
        "gauge",
        ("shard",),
        "Summaries that are yet to be handed over, rounded up to tens.",
    ),
    Metric(
        "worker",
        "vigilits_summaries_failed_total",
        "counter",
        ("shard", "reason"),
        "Times that a summary could not be handed over, to be tried again.",
    ),
    Metric(
        "worker",
        "vigilits_patients_unreadable",
        "gauge",
        ("shard",),
        "Patients whose file can't be read: their key is lost or their chart is broken. Anything but 0 needs somebody.",
    ),
    Metric(
        "worker",
        "vigilits_charts_open",
        "gauge",
        ("shard",),
        "Charts that are open in the worker's memory, rounded up to tens.",
    ),
    Metric("worker", "vigilits_shard_ready", "gauge", ("shard",), "1 while the shard is folded up to the log's end."),
    Metric(
        "worker",
        "vigilits_oldest_figure_seconds",
        "gauge",
        ("region", "kind"),
        "Age of the oldest figure that a region's total of one bed kind rests on.",
    ),
    Metric(
        "worker",
        "vigilits_alerts_total",
        "counter",
        ("region", "rule", "what"),
        "Alerts by rule: raised, notified, taken, escalated, and acted, no_action_needed or wrong, as people said. "
        "Patients' are left out: they would count patients.",
    ),
    Metric(
        "worker",
        "vigilits_alert_taken_seconds",
        "histogram",
        ("region", "rule"),
        "Time from when an alert was raised until somebody took it in, patients' alerts left out.",
        TAKEN_S,
    ),
    Metric(
        "worker",
        "vigilits_words_left_off",
        "gauge",
        ("shard",),
        "Words of the last day that the app had no room for: whoever has the app alone was not told. Should be 0.",
    ),
    Metric("worker", "vigilits_notices_sent_total", "counter", ("channel",), "Messages that a provider took."),
    Metric("worker", "vigilits_notices_failed_total", "counter", ("channel", "reason"), "Messages that were given up."),
    Metric(
        "worker",
        "vigilits_notice_retries_total",
        "counter",
        ("channel", "reason"),
        "Times that a message was put off, to be tried again.",
    ),
    Metric("worker", "vigilits_notices_waiting", "gauge", ("shard", "channel"), "Messages in a channel's queue."),
    Metric(
        "worker",
        "vigilits_channel_breaker",
        "gauge",
        ("shard", "channel"),
        "0 while a channel is used, 1 while it is tried with one message, 2 while it is left alone.",
    ),
    Metric(
        "worker",
        "vigilits_notice_seconds",
        "histogram",
        ("channel",),
        "Time from when a message was due until a provider took it.",
        NOTICE_S,
    ),
    Metric("api", "vigilits_reports_accepted_total", "counter", ("door",), "Report rows that the log has kept."),
    Metric("api", "vigilits_produce_seconds", "histogram", (), "Time until the log had kept a row."),
    Metric("api", "vigilits_outcome_seconds", "histogram", (), "Time from there to the row's outcome."),
    Metric("api", "vigilits_pending_total", "counter", (), "Commands that were answered before their outcome."),
    Metric(
        "api",
        "vigilits_acts_total",
        "counter",
        ("act", "outcome"),
        "What people did about alerts, and what became of it; all that is sent about followed patients is `follow-up`.",
    ),
    Metric("api", "vigilits_problems_total", "counter", ("kind",), "Requests that were answered with a problem."),
    Metric("api", "vigilits_feed_entries_total", "counter", ("shard",), "Feed entries taken in."),
    Metric("api", "vigilits_feed_lag_seconds", "gauge", ("shard",), "Age of the last feed entry when it was taken in."),
    Metric("api", "vigilits_clients", "gauge", ("codec",), "Open sockets."),
    Metric("api", "vigilits_frames_total", "counter", (), "Frames written to sockets."),
    Metric("api", "vigilits_frame_bytes_total", "counter", (), "Bytes of those frames."),
    Metric("api", "vigilits_snapshots_total", "counter", (), "Whole pictures sent to sockets."),
    Metric("api", "vigilits_resumes_total", "counter", (), "Returns that were answered by the changes alone."),
    Metric("api", "vigilits_resets_total", "counter", (), "Listeners that were told to forget what they held."),
    Metric("api", "vigilits_slow_clients_total", "counter", (), "Times that a full socket was skipped."),
    Metric("api", "vigilits_slow_clients_closed_total", "counter", (), "Sockets closed for having stayed full."),
)

Registered = dict[str, Counter | Gauge | Histogram]


def register(process: str, registry: CollectorRegistry, table: Iterable[Metric] = TABLE) -> Registered:
    """Return the process's metrics by name, registered."""
    made: Registered = {}
    for metric in table:
        if metric.process != process:
            continue
        if metric.sort == "histogram":
            made[metric.name] = Histogram(
                metric.name, metric.sentence, metric.labels, registry=registry, buckets=metric.buckets or BATCH_S
            )
        else:
            kind = Counter if metric.sort == "counter" else Gauge
            made[metric.name] = kind(metric.name, metric.sentence, metric.labels, registry=registry)
    return made


def as_markdown(table: Iterable[Metric] = TABLE) -> str:
    """Return docs/metrics.md, which is the table."""
    lines = [
        "# Metrics",
        "",
        "Made from `live_state/metrics.py` by `python -m live_state.metrics > docs/metrics.md`.",
        "A worker serves its own at `/metrics` on its port (`WORKER_PORT`), the API at `/metrics`.",
        "",
        "| metric | served by | sort | labels | what it tells |",
        "| --- | --- | --- | --- | --- |",
    ]
    for metric in table:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
        lines.append(f"| `{metric.name}` | {metric.process} | {metric.sort} | {labels} | {metric.sentence} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(as_markdown(), end="")
