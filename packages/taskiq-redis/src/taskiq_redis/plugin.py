"""What taskiq-redis adds to taskiq."""

from taskiq_core.plugins import (
    BrokerSpec,
    CommandSpec,
    PreloadModule,
    ResultBackendSpec,
    ScheduleSourceSpec,
    hookimpl,
)
from taskiq_redis.options import (
    PUBSUB_CAPABILITIES,
    PUBSUB_SCHEME,
    QUEUE_CAPABILITIES,
    SCHEMES,
)

TASKIQ_PLUGIN_API = (1, 1)


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    """Register the durable queue, and the broker that broadcasts."""
    return [
        BrokerSpec(
            name="redis",
            schemes=SCHEMES,
            factory="taskiq_redis:RedisBroker",
            capabilities=QUEUE_CAPABILITIES,
            description="Durable, on a Redis or Valkey server",
        ),
        BrokerSpec(
            name="redis-pubsub",
            schemes=(PUBSUB_SCHEME,),
            factory="taskiq_redis:PubSubBroker",
            capabilities=PUBSUB_CAPABILITIES,
            description="Sends each task to every worker that listens, and keeps nothing",
        ),
    ]


@hookimpl
def taskiq_register_result_backends() -> list[ResultBackendSpec]:
    """Register results in Redis."""
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
    """Register schedules in Redis."""
    return [
        ScheduleSourceSpec(
            name="redis",
            schemes=SCHEMES,
            factory="taskiq_redis:ListRedisScheduleSource",
            description="Schedules on a Redis server, each tick claimed by one scheduler",
        ),
    ]


@hookimpl
def taskiq_register_commands() -> list[CommandSpec]:
    """Register the command for an upgrade from taskiq-redis 1.x."""
    return [
        CommandSpec(
            "redis-upgrade",
            target="taskiq_redis.commands.upgrade:upgrade",
            help="Count or move the tasks that taskiq-redis 1.x left waiting.",
        ),
    ]


@hookimpl
def taskiq_register_preload_modules() -> list[PreloadModule]:
    """Register what a worker imports for a durable queue with results, by any of its names."""
    modules = ("broker", "results", "compat.lists_and_streams")
    return [PreloadModule(f"taskiq_redis.{name}") for name in modules]
