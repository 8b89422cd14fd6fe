"""Serializers: plain data to bytes, each loaded when it is used."""

from typing import TYPE_CHECKING

from taskiq._lazy import resolve

if TYPE_CHECKING:
    from taskiq.serializers.cbor_serializer import CBORSerializer
    from taskiq.serializers.json_serializer import JSONSerializer
    from taskiq.serializers.msgpack_serializer import MSGPackSerializer
    from taskiq.serializers.orjson_serializer import ORJSONSerializer
    from taskiq.serializers.pickle import PickleSerializer

    __all__ = [
        "CBORSerializer",
        "JSONSerializer",
        "MSGPackSerializer",
        "ORJSONSerializer",
        "PickleSerializer",
    ]

_HOMES = {
    "CBORSerializer": "taskiq.serializers.cbor_serializer",
    "JSONSerializer": "taskiq.serializers.json_serializer",
    "MSGPackSerializer": "taskiq.serializers.msgpack_serializer",
    "ORJSONSerializer": "taskiq.serializers.orjson_serializer",
    "PickleSerializer": "taskiq.serializers.pickle",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        return resolve(__name__, name, _HOMES)
