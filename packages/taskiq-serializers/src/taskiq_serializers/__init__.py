"""Serializers beside JSON: orjson, msgpack, CBOR, pickle."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_serializers.cbor_serializer import CBORSerializer
    from taskiq_serializers.msgpack_serializer import MSGPackSerializer
    from taskiq_serializers.orjson_serializer import ORJSONSerializer
    from taskiq_serializers.pickle_serializer import PickleSerializer

__all__ = ["CBORSerializer", "MSGPackSerializer", "ORJSONSerializer", "PickleSerializer"]
__version__ = "1.0.0"
_HOMES = {
    "CBORSerializer": "taskiq_serializers.cbor_serializer",
    "MSGPackSerializer": "taskiq_serializers.msgpack_serializer",
    "ORJSONSerializer": "taskiq_serializers.orjson_serializer",
    "PickleSerializer": "taskiq_serializers.pickle_serializer",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
