"""Tasks of libraries: declared without a broker, run by any."""

from taskiq_core.shared_broker import AsyncSharedBroker, SharedDecoratedTask, async_shared_broker

__all__ = ["AsyncSharedBroker", "SharedDecoratedTask", "async_shared_broker"]
