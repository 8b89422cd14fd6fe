"""PickleSerializer."""

from taskiq_serializers.pickle_serializer import PickleSerializer

__all__ = ["PickleSerializer"]
