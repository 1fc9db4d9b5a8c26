"""One table of metrics: registered from it, documented from it."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from live_state.metrics import TABLE, as_markdown, register

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_every_metric_is_registered_under_its_name() -> None:
    for process in ("worker", "api"):
        registry = CollectorRegistry()
        register(process, registry)
        found = {name for family in registry.collect() for name in (family.name, f"{family.name}_total")}
        assert {metric.name for metric in TABLE if metric.process == process} <= found


def test_no_name_is_given_twice() -> None:
    assert len({metric.name for metric in TABLE}) == len(TABLE)


def test_the_documentation_is_the_table() -> None:
    """`python -m live_state.metrics > docs/metrics.md` makes it."""
    assert DOCS.read_text() == as_markdown()
