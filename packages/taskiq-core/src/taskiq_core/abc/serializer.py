"""The contract of serializers: plain data to bytes, and back."""

from abc import ABC, abstractmethod
from typing import Any


class TaskiqSerializer(ABC):
    """Turns plain data (dicts, lists, text, numbers ...) into bytes and back.

    An implementation must keep: `loadb(dumpb(value)) == value` for every value that JSON can
    express; bytes come from the network, so that `loadb` neither runs code nor fails with anything
    but an exception.
    """

    @abstractmethod
    def dumpb(self, value: Any) -> bytes:
        """Return the value as bytes; raises TypeError or ValueError for other values."""

    @abstractmethod
    def loadb(self, value: bytes) -> Any:
        """Return the value of the bytes; raises ValueError for bytes of another format."""
