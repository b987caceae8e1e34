"""The fixtures of the wire tests; tests/faults uses the same ones."""
from fixtures import *  # noqa: F401,F403


def pytest_terminal_summary(terminalreporter):
    if any("test_error_rows" in str(report.nodeid) for report in terminalreporter.stats.get("passed", [])):
        from error_rows import counts
        terminalreporter.write_line(counts())
