"""Restoring the arguments of a message."""

from taskiq_core.client.arguments import parse_params

__all__ = ["parse_params"]
