"""What taskiq-serializers adds to taskiq."""

from taskiq_core.plugins import SerializerSpec, hookimpl

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_serializers() -> list[SerializerSpec]:
    """One per format; their libraries are loaded when a serializer is made."""
    return [
        SerializerSpec(name="orjson", factory="taskiq_serializers:ORJSONSerializer"),
        SerializerSpec(name="msgpack", factory="taskiq_serializers:MSGPackSerializer"),
        SerializerSpec(name="cbor", factory="taskiq_serializers:CBORSerializer"),
        SerializerSpec(name="pickle", factory="taskiq_serializers:PickleSerializer"),
    ]
