"""AuditLog: who did what, when, to how many."""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Final

from taskiq_web.render.text import one_line

logger = logging.getLogger("taskiq.web.audit")

MAX_ENTRIES: Final = 1_000
"""Entries that a dashboard remembers; the logger gets all of them."""
MAX_TEXT: Final = 1_000
"""Characters of what came of an action, as an entry keeps it."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change that a viewer asked for.

    Attributes:
        number: of the entry, from 1.
        at: when, in UTC.
        viewer: who asked for it.
        action: what was asked for.
        target: which queue, task, letter or schedule.
        count: how many things were changed.
        is_done: whether it was done.
        text: what came of it, as a sentence.
    """

    number: int
    at: datetime
    viewer: str
    action: str
    target: str
    count: int
    is_done: bool
    text: str


class AuditLog:
    """Remembers the last entries, and writes each to the logger `taskiq.web.audit`."""

    def __init__(self) -> None:
        self._entries: deque[AuditEntry] = deque(maxlen=MAX_ENTRIES)
        self._numbers = count(1)

    def add(
        self, viewer: str, action: str, target: str, *, count: int, is_done: bool, text: str
    ) -> AuditEntry:
        """Remember and log what came of a request.

        Args:
            viewer: who asked for it.
            action: what was asked for.
            target: of which queue, task, letter or schedule.
            count: how many things were changed.
            is_done: whether it was done.
            text: what came of it.
        """
        now = datetime.now(UTC)
        outcome = one_line(text)[:MAX_TEXT]
        entry = AuditEntry(
            next(self._numbers),
            now,
            viewer,
            action,
            target,
            count,
            is_done,
            outcome,
        )
        self._entries.append(entry)
        logger.log(
            logging.INFO if is_done else logging.WARNING,
            "%s: %s of %s (%s): %s",
            one_line(viewer),
            action,
            one_line(target),
            count,
            entry.text,
        )
        return entry

    def entries(self) -> Sequence[AuditEntry]:
        """Return the entries, the latest first."""
        return list(reversed(self._entries))

    def find(self, number: int) -> AuditEntry | None:
        """Return the entry of that number, if it is still remembered."""
        return next((entry for entry in self._entries if entry.number == number), None)
