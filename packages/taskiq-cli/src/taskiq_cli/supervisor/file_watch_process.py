"""The process that watches files for `--reload`, as the supervisor sees it."""

from __future__ import annotations

from taskiq_cli.processes.child import Child
from taskiq_cli.processes.spawn import spawn_python

_NAMED = 3
"""How many files a log line names."""


class FileWatchProcess(Child):
    """Watches files in a process of its own: it needs an event loop, the supervisor does not.

    Args:
        options: as `WorkerOptions.to_json` wrote them.
    """

    def __init__(self, options: str) -> None:
        super().__init__(
            lambda parent, status: spawn_python("taskiq_cli.reload", (parent, status), options)
        )

    def changes(self) -> str:
        """What has changed since the last call, for a log line; empty if nothing has."""
        paths = [path for status in self.statuses() for path in status["changed"]]
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        return ", ".join(paths[:_NAMED]) + more
