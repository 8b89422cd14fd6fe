"""Errors that control retries."""

from taskiq_core.exceptions import TaskiqError


class NoRetryError(TaskiqError):
    """Raised by a task, or inherited by its own exceptions: running it again would not help."""

    __template__ = "The task must not be run again: {reason}"
    reason: str = "it said so"
