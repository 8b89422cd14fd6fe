"""Exceptions as plain records."""

from taskiq_core.exception_records import ExceptionRepr

__all__ = ["ExceptionRepr"]
