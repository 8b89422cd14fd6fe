"""Ids of supervisors and workers, unique on all machines."""

from __future__ import annotations

import os

_LONGEST_HOST = 64
_ALLOWED = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"


def new_supervisor_id() -> str:
    """Return an id for this process: `web-1-4102-9f3a01bc`, with letters that any store takes."""
    host = "".join(letter if letter in _ALLOWED else "-" for letter in os.uname().nodename)
    return f"{host[:_LONGEST_HOST]}-{os.getpid()}-{os.urandom(4).hex()}"


class WorkerIds:
    """Makes the ids of a supervisor's workers.

    Attributes:
        supervisor_id: which they begin with.
    """

    def __init__(self) -> None:
        self.supervisor_id = new_supervisor_id()
        self._count = 0

    def next(self) -> str:
        """Return an id that no other worker has had."""
        self._count += 1
        return f"{self.supervisor_id}-{self._count}"
