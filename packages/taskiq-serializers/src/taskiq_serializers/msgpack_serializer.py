"""MessagePack: a compact binary form of JSON, with bytes and points in time."""

from collections.abc import Callable
from typing import Any

from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.serializers.plain import to_plain
from taskiq_serializers.libraries import load_library

_TIMESTAMP_AS_DATETIME = 3


class MSGPackSerializer(TaskiqSerializer):
    """MessagePack by the library msgpack.

    Args:
        default: called for what it can't express; returns something it can.
        use_single_float: whether floats have 32 bits instead of 64.
        use_bin_type: whether bytes and text are distinguished.
        datetime: whether aware datetimes have a form of their own.

    Raises:
        SerializerLibraryMissingError: msgpack is not installed.
    """

    def __init__(
        self,
        default: Callable[[Any], Any] | None = None,
        use_single_float: bool = False,
        use_bin_type: bool = True,
        datetime: bool = True,
    ) -> None:
        self.default = default
        self.use_single_float = use_single_float
        self.use_bin_type = use_bin_type
        self.datetime = datetime
        self._msgpack = load_library("msgpack", serializer=type(self).__name__, extra="msgpack")

    def dumpb(self, value: Any) -> bytes:
        """The value as MessagePack."""
        data: bytes = self._msgpack.packb(
            value,
            default=self.default or to_plain,
            use_single_float=self.use_single_float,
            use_bin_type=self.use_bin_type,
            datetime=self.datetime,
        )
        return data

    def loadb(self, value: bytes) -> Any:
        """The value of MessagePack bytes; keys of dicts may be anything that is hashable."""
        return self._msgpack.unpackb(value, timestamp=_TIMESTAMP_AS_DATETIME, strict_map_key=False)
