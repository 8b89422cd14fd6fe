"""What taskiq-redis adds to taskiq."""

from typing import Final

from taskiq_core.plugins import (
    BrokerSpec,
    Capability,
    ResultBackendSpec,
    ScheduleSourceSpec,
    hookimpl,
)

TASKIQ_PLUGIN_API = (1, 0)

CAPABILITIES: Final = frozenset(Capability) - {Capability.BROADCAST, Capability.CLAIMS}
"""Of the durable queue."""
SCHEMES: Final = ("redis", "rediss", "unix")


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    """The durable queue, and the one that broadcasts."""
    return [
        BrokerSpec(
            name="redis",
            schemes=SCHEMES,
            factory="taskiq_redis:RedisBroker",
            capabilities=CAPABILITIES,
            description="Durable, on a Redis or Valkey server",
        ),
        BrokerSpec(
            name="redis-pubsub",
            schemes=("redis+pubsub",),
            factory="taskiq_redis:PubSubBroker",
            capabilities=frozenset({Capability.BROADCAST, Capability.BATCH}),
            description="Tells every worker that listens, and keeps nothing",
        ),
    ]


@hookimpl
def taskiq_register_result_backends() -> list[ResultBackendSpec]:
    """Results in Redis."""
    return [
        ResultBackendSpec(
            name="redis",
            schemes=SCHEMES,
            factory="taskiq_redis:RedisAsyncResultBackend",
            description="Results on a Redis server, pushed to waiting callers",
        ),
    ]


@hookimpl
def taskiq_register_schedule_sources() -> list[ScheduleSourceSpec]:
    """Schedules in Redis."""
    return [
        ScheduleSourceSpec(
            name="redis",
            schemes=SCHEMES,
            factory="taskiq_redis:ListRedisScheduleSource",
            description="Schedules on a Redis server, each tick claimed by one scheduler",
        ),
    ]
