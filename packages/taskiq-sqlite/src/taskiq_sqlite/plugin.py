"""What taskiq-sqlite adds to taskiq."""

from taskiq_core.plugins import (
    BrokerSpec,
    Capability,
    ResultBackendSpec,
    ScheduleSourceSpec,
    hookimpl,
)

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    """The durable broker without a server."""
    return [
        BrokerSpec(
            name="sqlite",
            schemes=("sqlite",),
            factory="taskiq_sqlite:SQLiteBroker",
            capabilities=frozenset(
                {
                    Capability.ACK,
                    Capability.RELEASE,
                    Capability.LEASE,
                    Capability.DELAY,
                    Capability.DEAD_LETTER,
                    Capability.ABORT_RUNNING,
                    Capability.ABORT_QUEUED,
                    Capability.PRIORITY,
                    Capability.EXPIRY,
                    Capability.UNIQUE,
                    Capability.BATCH,
                    Capability.PUSH_RESULTS,
                },
            ),
            description="Durable, in one file, without a server; for all processes of one machine",
        ),
    ]


@hookimpl
def taskiq_register_result_backends() -> list[ResultBackendSpec]:
    """Results in a file."""
    return [
        ResultBackendSpec(
            name="sqlite",
            schemes=("sqlite",),
            factory="taskiq_sqlite:SQLiteResultBackend",
            description="Results in one file, pushed to waiting callers",
        ),
    ]


@hookimpl
def taskiq_register_schedule_sources() -> list[ScheduleSourceSpec]:
    """Schedules in a file."""
    return [
        ScheduleSourceSpec(
            name="sqlite",
            schemes=("sqlite",),
            factory="taskiq_sqlite:SQLiteScheduleSource",
            description="Schedules in one file, each tick claimed by one scheduler",
        ),
    ]
