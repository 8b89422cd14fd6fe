"""CBORSerializer."""

from taskiq_serializers.cbor_serializer import CBORSerializer

__all__ = ["CBORSerializer"]
