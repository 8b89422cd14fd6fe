"""How a process ended, in words."""

import signal

import pytest

from taskiq_cli.processes.exit_status import describe_exit


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "without being asked"),
        (3, "exit status 3"),
        (-signal.SIGKILL, "SIGKILL"),
        (-signal.SIGSEGV, "SIGSEGV"),
        (-99, "signal 99"),
    ],
)
def test_exits_in_words(code: int, text: str) -> None:
    assert text in describe_exit(code)
