"""The contract of result backends."""

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.messages.result import TaskiqResult

__all__ = ["AsyncResultBackend", "TaskiqResult"]
