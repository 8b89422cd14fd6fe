"""The contract of brokers."""

from taskiq_core.broker import AsyncBroker, default_id_generator
from taskiq_core.events import EventHandler

__all__ = ["AsyncBroker", "EventHandler", "default_id_generator"]
