"""Waiting for several tasks at once."""

from taskiq_core.gather import gather

__all__ = ["gather"]
