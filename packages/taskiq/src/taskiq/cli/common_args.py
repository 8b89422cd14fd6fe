"""What the options of all commands have in common."""

from taskiq_core.loading.log_level import LogLevel

__all__ = ["LogLevel"]
