"""What taskiq-sqlite adds to taskiq."""

from taskiq_core.plugins import (
    BrokerSpec,
    PreloadModule,
    ResultBackendSpec,
    ScheduleSourceSpec,
    hookimpl,
)
from taskiq_sqlite.options import CAPABILITIES

TASKIQ_PLUGIN_API = (1, 1)


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    """Register the durable broker that needs no server."""
    return [
        BrokerSpec(
            name="sqlite",
            schemes=("sqlite",),
            factory="taskiq_sqlite:SQLiteBroker",
            capabilities=CAPABILITIES,
            description="Durable, in one file, without a server; for all processes of one machine",
        ),
    ]


@hookimpl
def taskiq_register_result_backends() -> list[ResultBackendSpec]:
    """Register results in a file."""
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
    """Register schedules in a file."""
    return [
        ScheduleSourceSpec(
            name="sqlite",
            schemes=("sqlite",),
            factory="taskiq_sqlite:SQLiteScheduleSource",
            description="Schedules in one file, each tick claimed by one scheduler",
        ),
    ]


@hookimpl
def taskiq_register_preload_modules() -> list[PreloadModule]:
    """Register what a worker imports for a durable queue with results."""
    return [PreloadModule("taskiq_sqlite.broker"), PreloadModule("taskiq_sqlite.results")]
