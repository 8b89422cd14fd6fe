"""What taskiq-inmemory adds to taskiq."""

from taskiq_core.plugins import BrokerSpec, ResultBackendSpec, hookimpl
from taskiq_inmemory.options import CAPABILITIES

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    """The broker of this process."""
    return [
        BrokerSpec(
            name="inmemory",
            schemes=("memory",),
            factory="taskiq_inmemory:InMemoryBroker",
            capabilities=CAPABILITIES,
            description="Runs tasks in this process; for tests, scripts and development",
        ),
    ]


@hookimpl
def taskiq_register_result_backends() -> list[ResultBackendSpec]:
    """The results of this process."""
    return [
        ResultBackendSpec(
            name="inmemory",
            schemes=("memory",),
            factory="taskiq_inmemory:InmemoryResultBackend",
            description="Keeps results in this process",
        ),
    ]
