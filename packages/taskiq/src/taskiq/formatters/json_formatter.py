"""Messages as JSON."""

from taskiq_core.formatters.json_formatter import JSONFormatter

__all__ = ["JSONFormatter"]
