"""The contract of formatters."""

from taskiq_core.abc.formatter import TaskiqFormatter

__all__ = ["TaskiqFormatter"]
