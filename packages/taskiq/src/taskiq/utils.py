"""Values that may be awaitable."""

from taskiq_core.asynctools import maybe_awaitable

__all__ = ["maybe_awaitable"]
