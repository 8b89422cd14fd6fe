"""How far a running task has come."""

from taskiq_core.client.progress_tracker import ProgressTracker
from taskiq_core.messages.progress import TaskProgress, TaskState

__all__ = ["ProgressTracker", "TaskProgress", "TaskState"]
