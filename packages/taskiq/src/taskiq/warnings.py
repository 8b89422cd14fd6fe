"""The warnings of taskiq."""

from taskiq_core.deprecation import TaskiqDeprecationWarning

__all__ = ["TaskiqDeprecationWarning"]
