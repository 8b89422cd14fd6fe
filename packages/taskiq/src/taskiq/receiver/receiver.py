"""The worker's engine."""

from taskiq_core.client.context import Context
from taskiq_core.messages.acks import AckableMessage, AckController, AcknowledgeType
from taskiq_core.receiver import Receiver, logger

__all__ = [
    "AckController",
    "AckableMessage",
    "AcknowledgeType",
    "Context",
    "Receiver",
    "logger",
]
