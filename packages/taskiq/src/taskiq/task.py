"""The caller's handle of a task that was sent."""

from taskiq_core.task import AsyncTaskiqTask

__all__ = ["AsyncTaskiqTask"]
