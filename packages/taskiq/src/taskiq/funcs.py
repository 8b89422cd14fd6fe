"""Waiting for several tasks at once."""

from taskiq_core.client.gather import gather

__all__ = ["gather"]
