"""The contract of formatters: messages to what brokers carry, and back."""

from abc import ABC, abstractmethod

from taskiq_core.messages.message import BrokerMessage, TaskiqMessage


class TaskiqFormatter(ABC):
    """Turns messages into what brokers carry, and the bytes of brokers into messages."""

    @abstractmethod
    def dumps(self, message: TaskiqMessage) -> BrokerMessage:
        """Return what the broker stores; raises TypeError or ValueError for other arguments."""

    @abstractmethod
    def loads(self, message: bytes) -> TaskiqMessage:
        """Return the message of the bytes; raises ValueError for bytes of another format."""
