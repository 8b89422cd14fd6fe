"""MSGPackSerializer."""

from taskiq_serializers.msgpack_serializer import MSGPackSerializer

__all__ = ["MSGPackSerializer"]
