"""The broker that needs no server: tasks and results over ZeroMQ."""

from taskiq._cure import not_installed

try:
    from taskiq_zmq import ZeroMQBroker
except ImportError as error:
    raise not_installed("ZeroMQBroker", "taskiq-zmq", error) from error

__all__ = ["ZeroMQBroker"]
