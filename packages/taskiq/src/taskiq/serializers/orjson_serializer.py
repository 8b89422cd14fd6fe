"""ORJSONSerializer."""

from taskiq_serializers.orjson_serializer import ORJSONSerializer

__all__ = ["ORJSONSerializer"]
