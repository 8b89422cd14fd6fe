"""The contract of result backends."""

from taskiq_core.abc.result_backend import AsyncResultBackend

__all__ = ["AsyncResultBackend"]
