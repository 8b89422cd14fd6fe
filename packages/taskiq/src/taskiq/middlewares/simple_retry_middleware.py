"""Retries at once."""

from taskiq_retry import SimpleRetryMiddleware

__all__ = ["SimpleRetryMiddleware"]
