"""The worker's engine."""

from taskiq_core.receiver import Receiver

__all__ = ["Receiver"]
