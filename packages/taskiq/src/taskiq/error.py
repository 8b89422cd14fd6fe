"""The base of all errors: fields and a template."""

from taskiq_core.error_template import Error

__all__ = ["Error"]
