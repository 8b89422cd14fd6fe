"""The contract of serializers."""

from taskiq_core.abc.serializer import TaskiqSerializer

__all__ = ["TaskiqSerializer"]
