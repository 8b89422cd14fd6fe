"""A place for what a program keeps with its broker."""

from taskiq_core.state import TaskiqState

__all__ = ["TaskiqState"]
