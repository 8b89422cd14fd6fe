"""The contract of middlewares."""

from taskiq_core.abc.middleware import TaskiqMiddleware

__all__ = ["TaskiqMiddleware"]
