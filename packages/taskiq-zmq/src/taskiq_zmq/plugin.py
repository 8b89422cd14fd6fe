"""What taskiq-zmq adds to taskiq."""

from taskiq_core.plugins import BrokerSpec, PreloadModule, hookimpl
from taskiq_zmq.options import CAPABILITIES, DeliveryMode

TASKIQ_PLUGIN_API = (1, 1)


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    """The broker without a server."""
    return [
        BrokerSpec(
            name="zmq",
            schemes=("zmq+tcp", "zmq+ipc"),
            factory="taskiq_zmq:ZeroMQBroker",
            capabilities=CAPABILITIES[DeliveryMode.EXCLUSIVE],
            description="Straight from clients to workers, without a server; results come back too",
        ),
    ]


@hookimpl
def taskiq_register_preload_modules() -> list[PreloadModule]:
    """Register what a worker imports; ZeroMQ's threads begin with its first socket."""
    return [PreloadModule("taskiq_zmq.broker"), PreloadModule("taskiq_zmq.worker.worker")]
