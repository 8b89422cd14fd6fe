"""Values that may be awaitable."""

from taskiq_core.awaitables import maybe_awaitable

__all__ = ["maybe_awaitable"]
