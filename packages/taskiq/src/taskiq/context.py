"""What a running task can know of itself, and do about its message."""

from taskiq_core.client.context import Context

__all__ = ["Context"]
