"""The progress of a running task."""

from taskiq_core.progress import TaskProgress, TaskState

__all__ = ["TaskProgress", "TaskState"]
