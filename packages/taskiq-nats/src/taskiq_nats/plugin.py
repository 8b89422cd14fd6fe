"""What taskiq-nats adds to taskiq."""

from taskiq_core.plugins import BrokerSpec, ResultBackendSpec, hookimpl
from taskiq_nats.options import CAPABILITIES, SCHEMES

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    """Register the durable queue."""
    return [
        BrokerSpec(
            name="nats",
            schemes=SCHEMES,
            factory="taskiq_nats:JetStreamBroker",
            capabilities=CAPABILITIES,
            description="Durable, in NATS JetStream",
        ),
    ]


@hookimpl
def taskiq_register_result_backends() -> list[ResultBackendSpec]:
    """Register results in a key-value stream."""
    return [
        ResultBackendSpec(
            name="nats",
            schemes=SCHEMES,
            factory="taskiq_nats:JetStreamResultBackend",
            description="Results in NATS JetStream, pushed to waiting callers",
        ),
    ]
