"""A function that is a task."""

from taskiq_core.client.decor import AsyncTaskiqDecoratedTask

__all__ = ["AsyncTaskiqDecoratedTask"]
