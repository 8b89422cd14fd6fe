"""Warnings that somebody else can cause at will, limited to one of a kind in a while."""

import logging
import time
from collections.abc import Callable
from typing import Final

SILENCE: Final = 10.0
"""Seconds between two warnings of one kind."""
_MAX_KINDS = 256


class QuietLog:
    """Logs a warning once, and later how many more there were.

    Args:
        logger: where to.
        clock: seconds, monotonic.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._last: dict[str, float] = {}
        self._swallowed: dict[str, int] = {}

    def warning(self, message: str, *args: object) -> None:
        """Log it, unless one with the same message was logged a moment ago.

        Args:
            message: the format, which is the kind.
            args: for the format.
        """
        now = self._clock()
        last = self._last.get(message)
        if last is not None and now - last < SILENCE:
            self._swallowed[message] = self._swallowed.get(message, 0) + 1
            return
        if len(self._last) >= _MAX_KINDS:
            self._last.clear()
        self._last[message] = now
        more = self._swallowed.pop(message, 0)
        text = f"{message} (and %d more like it)" if more else message
        self._logger.warning(text, *args, *((more,) if more else ()))
