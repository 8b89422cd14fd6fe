"""The older home of SimpleRetryMiddleware."""

from taskiq_retry import SimpleRetryMiddleware

__all__ = ["SimpleRetryMiddleware"]
