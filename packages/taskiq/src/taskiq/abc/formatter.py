"""The contract of formatters."""

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.messages.message import BrokerMessage, TaskiqMessage

__all__ = ["BrokerMessage", "TaskiqFormatter", "TaskiqMessage"]
