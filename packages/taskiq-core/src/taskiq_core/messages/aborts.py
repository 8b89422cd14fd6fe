"""Where a task is when its abort is asked for."""

from enum import StrEnum


class AbortState(StrEnum):
    """Where `task.abort()` found the task, which says what happens next."""

    QUEUED = "queued"
    """It waits, and will not be started; its result is an error result that says so."""
    RUNNING = "running"
    """A worker has it, and was notified; a task that ends at that moment ends as it would have."""
    FINISHED = "finished"
    """Its result is stored; nothing was done."""
    UNKNOWN = "unknown"
    """No such task waits or runs, and no result of it is stored."""
