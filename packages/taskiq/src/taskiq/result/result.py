"""What became of a task."""

from taskiq_core.result import TaskiqResult

__all__ = ["TaskiqResult"]
