"""The worker's engine."""

from taskiq.receiver.receiver import Receiver

__all__ = ["Receiver"]
