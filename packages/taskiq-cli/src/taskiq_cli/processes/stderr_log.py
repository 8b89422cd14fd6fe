"""Log lines in the format of `--log-format`, without the memory of the logging module."""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from typing import TextIO

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


class StderrLog:
    """Writes lines of one logger, as `logging` would.

    Args:
        line_format: a format of `logging`, %-style.
        level: the name of the least level that is written.
        stream: where to; standard error by default.
    """

    def __init__(self, line_format: str, level: str, stream: TextIO | None = None) -> None:
        self._format = line_format
        self._level = LEVELS[level]
        self._stream = stream if stream is not None else sys.stderr

    def debug(self, message: str, *args: object) -> None:
        """A message's steps."""
        self._write("DEBUG", message, args)

    def info(self, message: str, *args: object) -> None:
        """Life cycle."""
        self._write("INFO", message, args)

    def warning(self, message: str, *args: object) -> None:
        """Someone may have to act."""
        self._write("WARNING", message, args)

    def error(self, message: str, *args: object) -> None:
        """Someone has to act."""
        self._write("ERROR", message, args)

    def _write(self, level: str, message: str, args: tuple[object, ...]) -> None:
        if LEVELS[level] < self._level:
            return
        text = message % args if args else message
        try:
            self._stream.write(self._line(level, text) + "\n")
            self._stream.flush()
        except OSError:
            pass  # nobody reads our log any more; the workers still have to be stopped

    def _line(self, level: str, text: str) -> str:
        now = time.time()
        milliseconds = int(now % 1 * 1000)
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        fields = _Fields(
            asctime=f"{clock},{milliseconds:03d}",
            created=now,
            levelname=level,
            levelno=LEVELS[level],
            lineno=0,
            message=text,
            msecs=milliseconds,
            msg=text,
            name="taskiq.supervisor",
            process=os.getpid(),
            processName="supervisor",
            relativeCreated=0,
            thread=0,
            threadName="MainThread",
        )
        try:
            return self._format % fields
        except (TypeError, ValueError):
            return f"{level}: {text}"


class _Fields(dict[str, object]):
    """The fields of a log record; fields about code are empty."""

    def __missing__(self, key: str) -> str:
        return ""
