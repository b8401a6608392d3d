"""What a test measured is printed at the end of its level, from whichever worker it comes."""

from collections.abc import Callable

import pytest

FIGURE = "figure"
_told: list[str] = []


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Call it with a sentence that holds a figure."""
    return lambda sentence: record_property(FIGURE, sentence)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Workers send their reports here; their own output goes nowhere."""
    if report.when == "call":
        _told.extend(str(value) for name, value in report.user_properties if name == FIGURE)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures, in order."""
    if _told:
        terminalreporter.section("figures")
        for sentence in sorted(_told):
            terminalreporter.write_line(sentence)
