"""RateLimitedLog: log lines that peers can cause at will, at a bounded rate and length."""

import logging
import time
from collections.abc import Callable
from typing import Final

PERIOD: Final = 10.0
"""Seconds in which a kind of line is logged so many times."""
MAX_TEXT: Final = 200
"""Characters of a peer's text that are logged."""
_MAX_KINDS: Final = 256


def shorten(text: str) -> str:
    """Cut a text that a peer chose to a length for logs."""
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."


class RateLimitedLog:
    """Logs each kind of line a few times per period, and later the number of lines left out.

    Args:
        logger: receives the lines.
        clock: monotonic, in seconds.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._periods: dict[str, tuple[float, int]] = {}
        """Start of the period, and lines since, by kind."""

    def warning(self, message: str, *args: object) -> None:
        """Log a warning, unless one with this message was logged in this period."""
        self.log(logging.WARNING, message, *args)

    def log(self, level: int, message: str, *args: object, burst: int = 1) -> None:
        """Log a line, unless `burst` lines of its kind were logged in this period.

        Args:
            level: of the line.
            message: the format, which is the kind.
            args: for the format; texts are shortened.
            burst: lines of this kind per period.
        """
        now = self._clock()
        began, count = self._periods.get(message, (now, 0))
        left_out = max(count - burst, 0)
        if now - began >= PERIOD:
            began, count = now, 0
        else:
            left_out = 0
        if len(self._periods) >= _MAX_KINDS:
            self._periods.clear()
        self._periods[message] = began, count + 1
        if count >= burst:
            return
        values = [shorten(value) if isinstance(value, str) else value for value in args]
        if left_out:
            text = f"{message} (and %d more like it)"
            self._logger.log(level, text, *values, left_out)
        else:
            self._logger.log(level, message, *values)
