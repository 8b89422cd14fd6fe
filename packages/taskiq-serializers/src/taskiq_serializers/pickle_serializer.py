"""Pickle: anything that Python can, and nothing that strangers may write."""

import pickle
from typing import Any

from taskiq_core.abc.serializer import TaskiqSerializer


class PickleSerializer(TaskiqSerializer):
    """Python's own format.

    Loading runs whatever code the bytes say: use it only where nobody else can write to the store.
    """

    def dumpb(self, value: Any) -> bytes:
        """The value as pickle."""
        return pickle.dumps(value)

    def loadb(self, value: bytes) -> Any:
        """The value of pickle bytes, whose code is run."""
        return pickle.loads(value)  # noqa: S301  # asked for by name
