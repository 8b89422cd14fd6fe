"""Tasks of libraries: declared without a broker, run by any."""

from taskiq_core.shared_broker import AsyncSharedBroker, SharedDecoratedTask, async_shared_broker

shared_task = async_shared_broker.task
"""Declares a shared task: `@shared_task`."""

__all__ = ["AsyncSharedBroker", "SharedDecoratedTask", "async_shared_broker", "shared_task"]
