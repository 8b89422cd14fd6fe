"""Messages as values."""

from taskiq_core.messages.message import BrokerMessage, TaskiqMessage

__all__ = ["BrokerMessage", "TaskiqMessage"]
