"""Messages as values."""

from taskiq_core.message import BrokerMessage, TaskiqMessage

__all__ = ["BrokerMessage", "TaskiqMessage"]
