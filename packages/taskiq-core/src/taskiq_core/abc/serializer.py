"""The contract of serializers: plain data to bytes, and back."""

from abc import ABC, abstractmethod
from typing import Any


class TaskiqSerializer(ABC):
    """Turns plain data (dicts, lists, text, numbers ...) into bytes and back.

    An implementation must keep: `loadb(dumpb(value)) == value` for whatever JSON can express; bytes
    come from the network, so that `loadb` neither runs code nor fails with anything but an
    exception.
    """

    @abstractmethod
    def dumpb(self, value: Any) -> bytes:
        """Bytes of the value; raises TypeError or ValueError for what can't be expressed."""

    @abstractmethod
    def loadb(self, value: bytes) -> Any:
        """The value of the bytes; raises ValueError for bytes that are not of this format."""
