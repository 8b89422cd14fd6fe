"""The warnings of taskiq."""

from taskiq_core.compat.deprecation import TaskiqDeprecationWarning

__all__ = ["TaskiqDeprecationWarning"]
