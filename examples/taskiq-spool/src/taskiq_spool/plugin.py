"""What taskiq-spool adds to taskiq."""

from taskiq_core.plugins import BrokerSpec, hookimpl
from taskiq_spool.options import CAPABILITIES

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    factory = "taskiq_spool:SpoolBroker"
    return [BrokerSpec("spool", schemes=("spool",), factory=factory, capabilities=CAPABILITIES)]
