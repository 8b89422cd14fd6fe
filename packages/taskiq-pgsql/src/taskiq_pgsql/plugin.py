"""What taskiq-pgsql adds to taskiq."""

from taskiq_core.plugins import (
    BrokerSpec,
    CommandSpec,
    ResultBackendSpec,
    ScheduleSourceSpec,
    hookimpl,
)
from taskiq_pgsql.options import CAPABILITIES, SCHEMES

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    """Register the durable queue."""
    return [
        BrokerSpec(
            name="pgsql",
            schemes=SCHEMES,
            factory="taskiq_pgsql:PostgresBroker",
            capabilities=CAPABILITIES,
            description="Durable, in a PostgreSQL database",
        ),
    ]


@hookimpl
def taskiq_register_result_backends() -> list[ResultBackendSpec]:
    """Register results in tables."""
    return [
        ResultBackendSpec(
            name="pgsql",
            schemes=SCHEMES,
            factory="taskiq_pgsql:PostgresResultBackend",
            description="Results in a PostgreSQL database, pushed to waiting callers",
        ),
    ]


@hookimpl
def taskiq_register_schedule_sources() -> list[ScheduleSourceSpec]:
    """Register schedules in tables."""
    return [
        ScheduleSourceSpec(
            name="pgsql",
            schemes=SCHEMES,
            factory="taskiq_pgsql:PostgresScheduleSource",
            description="Schedules in a PostgreSQL database, each tick claimed by one scheduler",
        ),
    ]


@hookimpl
def taskiq_register_commands() -> list[CommandSpec]:
    """Register the command for the tables."""
    return [
        CommandSpec(
            "pgsql",
            target="taskiq_pgsql.commands.pgsql:pgsql",
            help="Create, migrate and check the tables of taskiq-pgsql.",
        ),
    ]
