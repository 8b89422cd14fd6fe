"""What became of a task."""

from taskiq.result.result import TaskiqResult

__all__ = ["TaskiqResult"]
