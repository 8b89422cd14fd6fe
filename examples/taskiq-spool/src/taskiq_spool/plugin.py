"""What taskiq-spool adds to taskiq."""

from taskiq_core.plugins import BrokerSpec, Capability, hookimpl

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    """One broker, found by the scheme of its URLs."""
    return [
        BrokerSpec(
            name="spool",
            schemes=("spool",),
            factory="taskiq_spool:SpoolBroker",
            capabilities=frozenset({Capability.ACK, Capability.RELEASE, Capability.DEAD_LETTER}),
            description="Keeps messages as files in a folder",
        ),
    ]
