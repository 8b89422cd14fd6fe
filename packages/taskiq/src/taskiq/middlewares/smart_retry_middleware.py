"""Retries after a delay."""

from taskiq_retry import SmartRetryMiddleware

__all__ = ["SmartRetryMiddleware"]
