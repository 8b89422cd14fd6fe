"""How far a running task has come."""

from taskiq_core.progress import TaskProgress, TaskState
from taskiq_core.progress_tracker import ProgressTracker

__all__ = ["ProgressTracker", "TaskProgress", "TaskState"]
