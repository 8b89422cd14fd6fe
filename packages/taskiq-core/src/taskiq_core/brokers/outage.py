"""Outage: what fails while a server is out of reach, logged when it begins and when it is over."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from taskiq_core.exceptions import reason_of

REMIND_AFTER: Final = 60.0
"""Seconds between two lines about an outage that lasts."""


class Outage:
    """Joins the failures of many activities over one connection into few log lines.

    While a server is down, everything that asks for it fails again and again. One warning says when
    that begins, one each minute that it lasts, and one when the first of the activities that failed
    works again. Not thread-safe: each event loop has its own.

    Args:
        name: of what is out of reach, such as the class of a broker.
        logger: receives the lines.
        clock: monotonic, in seconds.
    """

    def __init__(
        self, name: str, logger: logging.Logger, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._name = name
        self._logger = logger
        self._clock = clock
        self.is_on = False
        self._failing: dict[str, str] = {}
        self._failures = 0
        self._began = 0.0
        self._logged = 0.0

    def failed(self, activity: str, error: BaseException) -> None:
        """Note a failure that is followed by another try.

        Args:
            activity: a sentence such as "Leases can't be renewed".
            error: why; of another kind than that of the outage, it is logged at once.
        """
        now = self._clock()
        if not self._failing:
            self._began, self._failures = now, 0
        kind = type(error).__name__
        is_known = kind in self._failing.values()
        self._failing[activity] = kind
        self.is_on = True
        self._failures += 1
        if not is_known:
            text = "%s: %s (%s); it is tried again until it works"
            self._logger.warning(text, self._name, activity, reason_of(error))
        elif now - self._logged >= REMIND_AFTER:
            text = "%s: %s for %.0f s, %d tries (%s)"
            seconds = now - self._began
            self._logger.warning(
                text,
                self._name,
                "; ".join(self._failing),
                seconds,
                self._failures,
                reason_of(error),
            )
        else:
            self._logger.debug("%s: %s (%s)", self._name, activity, reason_of(error))
            return
        self._logged = now

    def succeeded(self, activity: str) -> None:
        """Note that an activity worked; this ends an outage in which it had failed."""
        if activity in self._failing:
            seconds = self._clock() - self._began
            text = "%s is back after %.1f s and %d failed tries"
            self._logger.warning(text, self._name, seconds, self._failures)
            self._failing.clear()
            self.is_on = False
