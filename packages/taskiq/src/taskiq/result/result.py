"""What became of a task."""

from taskiq_core.messages.result import TaskiqResult

__all__ = ["TaskiqResult"]
