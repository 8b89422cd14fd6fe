"""What taskiq-aio-pika adds to taskiq."""

from taskiq_aio_pika.options import CAPABILITIES, SCHEMES
from taskiq_core.plugins import BrokerSpec, hookimpl

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    """Register the durable queue."""
    return [
        BrokerSpec(
            name="aio-pika",
            schemes=SCHEMES,
            factory="taskiq_aio_pika:AioPikaBroker",
            capabilities=CAPABILITIES,
            description="Durable, in quorum queues of RabbitMQ",
        ),
    ]
