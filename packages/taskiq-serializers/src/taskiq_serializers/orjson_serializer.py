"""JSON by orjson, several times as fast as the standard library."""

from collections.abc import Callable
from typing import Any

from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.serializers.plain import to_plain
from taskiq_serializers.libraries import load_library


class ORJSONSerializer(TaskiqSerializer):
    """JSON, with dates, UUIDs, dataclasses and the like as text or objects.

    Args:
        default: called for what orjson can't express; returns something it can.
        option: flags of orjson, combined by `|`; `OPT_NON_STR_KEYS` is always among them, as the
            standard library's JSON takes such keys, too.

    Raises:
        SerializerLibraryMissingError: orjson is not installed.
    """

    def __init__(
        self,
        default: Callable[[Any], Any] | None = None,
        option: int | None = None,
    ) -> None:
        self.default = default
        self.option = option
        self._orjson = load_library("orjson", serializer=type(self).__name__, extra="orjson")
        self._flags: int = self._orjson.OPT_NON_STR_KEYS | (option or 0)

    def dumpb(self, value: Any) -> bytes:
        """The value as JSON."""
        data: bytes = self._orjson.dumps(value, self.default or to_plain, self._flags)
        return data

    def loadb(self, value: bytes) -> Any:
        """The value of a JSON text."""
        return self._orjson.loads(value)
