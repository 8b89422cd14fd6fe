"""The broker, and the results, that live in this process."""

from taskiq_inmemory import InMemoryBroker, InmemoryResultBackend

__all__ = ["InMemoryBroker", "InmemoryResultBackend"]
