"""Log lines without the logging module."""

import io
import logging

from taskiq_cli.options import DEFAULT_LOG_FORMAT
from taskiq_cli.processes.stderr_log import StderrLog


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

    StderrLog(line_format, "INFO", ours).warning("a %s", "b")
    handler.emit(record)

    assert ours.getvalue() == theirs.getvalue()


def test_log_level_and_odd_formats() -> None:
    out = io.StringIO()

    StderrLog("%(message)s", "WARNING", out).info("not seen")
    StderrLog("%(asctime)s %(process)d %(module)s %(taskName)s|%(message)s", "INFO", out).info(
        "seen"
    )
    StderrLog("%(module)d", "DEBUG", out).debug("fallback")

    first, second = out.getvalue().splitlines()
    assert first.endswith("|seen")
    assert second == "DEBUG: fallback"


def test_log_whose_reader_is_gone_is_no_error() -> None:
    tried: list[str] = []

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            tried.append(text)
            raise BrokenPipeError

    log = StderrLog("%(message)s", "INFO", Gone())
    log.error("one")
    log.error("two")

    assert [text.strip() for text in tried] == ["one", "two"]
