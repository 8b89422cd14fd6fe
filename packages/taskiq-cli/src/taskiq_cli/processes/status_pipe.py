"""The pipe through which a child process sends its status to the supervisor."""

import json
import os
from contextlib import suppress

_LONGEST = 30_000
"""Characters of a reason; a pipe holds 64 KiB, so that writing one never blocks for long."""


class StatusPipe:
    """The writing end: JSON objects, one a line.

    Args:
        fd: the pipe.
    """

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self._fd = fd

    def loaded(self) -> None:
        """The application is imported."""
        self._send(event="loaded")

    def recycling(self) -> None:
        """This worker leaves because it has run `max_tasks_per_child` tasks."""
        self._send(event="recycling")

    def load_failed(self, reason: str) -> None:
        """The application can't be imported."""
        self._send(event="load_failed", reason=_shortened(reason))

    def started(self) -> None:
        """The broker, its middlewares and its result backend are started."""
        self._send(event="started")

    def start_failed(self, reason: str) -> None:
        """The broker can't be started, and would not be if it were tried again."""
        self._send(event="start_failed", reason=_shortened(reason))

    def skipped(self, reason: str) -> None:
        """A module was left out; the reason names it."""
        self._send(event="skipped", reason=_shortened(reason))

    def reclaimed(self, worker_id: str) -> None:
        """What a dead worker held was given back."""
        self._send(event="reclaimed", worker_id=worker_id)

    def changed(self, paths: list[str]) -> None:
        """These files have changed."""
        self._send(event="changed", changed=paths)

    def _send(self, **status: object) -> None:
        with suppress(OSError):  # the supervisor is gone; ParentWatch says what to do then
            os.write(self._fd, json.dumps(status).encode() + b"\n")


def _shortened(reason: str) -> str:
    if len(reason) <= _LONGEST:
        return reason
    return f"{reason[: _LONGEST // 2]}\n...\n{reason[-_LONGEST // 2 :]}"
