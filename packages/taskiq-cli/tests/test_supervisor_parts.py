"""The parts of the supervisor that are pure."""

import io
import logging
import os
import signal
import subprocess
import sys

import pytest

from taskiq_cli.options import DEFAULT_LOG_FORMAT
from taskiq_cli.supervisor.backoff import RestartBackoff
from taskiq_cli.supervisor.exits import describe_exit
from taskiq_cli.supervisor.ladder import GRACE, Ladder
from taskiq_cli.supervisor.line_log import LineLog


def test_backoff_grows_to_its_cap_and_begins_anew() -> None:
    backoff = RestartBackoff(base=1, cap=4, stable=10, fraction=lambda: 0)

    assert [backoff.delay(0) for _ in range(6)] == [0, 1, 2, 4, 4, 4]
    assert backoff.delay(10) == 0
    assert backoff.delay(9.9) == 1
    backoff.reset()
    assert backoff.delay(0) == 0


def test_backoff_is_spread_over_half_its_length() -> None:
    backoff = RestartBackoff(base=1, cap=1, fraction=lambda: 1)

    assert [backoff.delay(0), backoff.delay(0)] == [0, 0.5]
    assert all(0 <= RestartBackoff().delay(0) <= 30 for _ in range(10))


def test_backoff_of_a_very_long_series_is_a_number() -> None:
    backoff = RestartBackoff(fraction=lambda: 0)

    assert [backoff.delay(0) for _ in range(5000)][-1] == 30


def test_ladder_has_a_deadline_for_every_step() -> None:
    ladder = Ladder(wait_tasks_timeout=10, shutdown_timeout=5)

    assert ladder.finish_deadline(100) == 115 + GRACE
    assert ladder.cancel_deadline(100) == 105 + GRACE
    assert ladder.reload_deadline(100) == 110
    assert ladder.describe_finish() == "up to 10 s"


def test_ladder_without_a_limit_for_tasks() -> None:
    ladder = Ladder(wait_tasks_timeout=None, shutdown_timeout=5)

    assert ladder.finish_deadline(100) is None
    assert ladder.reload_deadline(100) == 105
    assert "another signal cancels them" in ladder.describe_finish()


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


def test_log_lines_look_like_those_of_logging() -> None:
    """Same format, same fields: only time, name and process differ."""
    line_format = DEFAULT_LOG_FORMAT.replace("[%(asctime)s]", "")
    ours, theirs = io.StringIO(), io.StringIO()
    handler = logging.StreamHandler(theirs)
    handler.setFormatter(logging.Formatter(line_format))
    record = logging.makeLogRecord(
        {
            "name": "taskiq.supervisor",
            "levelname": "WARNING",
            "processName": "supervisor",
            "msg": "a %s",
            "args": ("b",),
        }
    )

    LineLog(line_format, "INFO", ours).warning("a %s", "b")
    handler.emit(record)

    assert ours.getvalue() == theirs.getvalue()


def test_log_level_and_odd_formats() -> None:
    out = io.StringIO()

    LineLog("%(message)s", "WARNING", out).info("not seen")
    LineLog("%(asctime)s %(process)d %(module)s %(taskName)s|%(message)s", "INFO", out).info("seen")
    LineLog("%(module)d", "DEBUG", out).debug("fallback")

    first, second = out.getvalue().splitlines()
    assert first.endswith("|seen")
    assert second == "DEBUG: fallback"


def test_log_whose_reader_is_gone_is_no_error() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    LineLog("%(message)s", "INFO", Gone()).error("x")


def test_wakeups_tell_signals_in_order_and_pipes() -> None:
    code = """
import os, signal
from taskiq_cli.supervisor.wakeups import Wakeups
wakeups = Wakeups([signal.SIGTERM, signal.SIGHUP])
read, write = os.pipe()
wakeups.watch(read)
assert wakeups.wait(0) == ([], [])
os.kill(os.getpid(), signal.SIGHUP); os.kill(os.getpid(), signal.SIGTERM)
assert wakeups.wait(None) == ([signal.SIGHUP, signal.SIGTERM], [])
os.close(write)
assert wakeups.wait(None) == ([], [read])
wakeups.forget(read); wakeups.forget(read)
assert wakeups.wait(-1) == ([], [])
"""

    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


def test_supervisor_imports_nothing_large() -> None:
    """Its memory is what every deployment pays besides the workers'."""
    code = (
        "import sys; before = set(sys.modules); import taskiq_cli.supervisor.__main__;"
        "print(*set(sys.modules) - before)"
    )

    ran = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True
    )

    large = {"asyncio", "click", "dataclasses", "inspect", "logging", "pydantic", "taskiq_core",
             "threading", "typing"}  # fmt: skip
    assert not large & set(ran.stdout.split())
