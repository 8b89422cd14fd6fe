"""The caller's handle of a task that was sent."""

from taskiq_core.client.task import AsyncTaskiqTask

__all__ = ["AsyncTaskiqTask"]
