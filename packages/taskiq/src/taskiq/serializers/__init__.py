"""Serializers: plain data to bytes."""

from taskiq.serializers.json_serializer import JSONSerializer

__all__ = ["JSONSerializer"]
