"""Waiting for several tasks at once."""

from taskiq_core.gathering import gather

__all__ = ["gather"]
