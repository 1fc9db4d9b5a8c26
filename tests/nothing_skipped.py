"""A pytest plugin: what did not run is said loudly, and in CI it fails the run."""

import os

import pytest


def _skipped(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return list(reporter.stats.get("skipped", ())) if reporter is not None else []


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a session that skipped anything red where CI is true."""
    if os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name each test that was skipped, and why."""
    skipped = _skipped(config)
    if not skipped:
        return
    terminalreporter.section(f"NOT RUN: {len(skipped)}", sep="!", red=True, bold=True)
    for report in skipped:
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.line(f"{report.nodeid}: {why}", red=True)
    if os.environ.get("CI") == "true":
        terminalreporter.line("In CI a test that does not run is a failure.", red=True, bold=True)
