"""A function that is a task."""

from taskiq_core.decor import AsyncTaskiqDecoratedTask

__all__ = ["AsyncTaskiqDecoratedTask"]
