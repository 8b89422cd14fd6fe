"""Plain data as JSON."""

from taskiq_core.serializers.json_serializer import JSONSerializer

__all__ = ["JSONSerializer"]
