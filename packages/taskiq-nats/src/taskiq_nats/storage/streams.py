"""Streams and consumers: their configuration, and their creation where they are missing."""

from collections.abc import Mapping
from typing import Any, Final

from taskiq_nats.errors import NatsCommandError, NatsSetupError, NatsStreamError
from taskiq_nats.storage.connection import NAME_TAKEN, NatsConnection
from taskiq_nats.storage.names import WORKERS, QueueNames

NANOSECONDS: Final = 1_000_000_000
LATER_LEASE: Final = 5.0
"""Seconds after which a delayed message comes again that a worker had in its hands and died."""
DAY_IN_NANOSECONDS: Final = 86_400 * NANOSECONDS
TICK_MEMORY: Final = 8 * 86_400.0
"""Seconds that single ticks are kept."""
MAX_PULLS: Final = 20_000
"""Workers that wait for messages of one queue at most; the server's default is 512."""
Config = Mapping[str, Any]


def stream(name: str, subjects: str, **options: Any) -> dict[str, Any]:
    """Return the configuration of a stream."""
    return {
        "name": name,
        "subjects": [subjects],
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_age": 0,
        "num_replicas": 1,
        **options,
    }


async def create_queue(
    connection: NatsConnection, names: QueueNames, *, lease: float, may_create: bool
) -> None:
    """Create the streams and consumers of a queue that are missing.

    Args:
        connection: to the server.
        names: of the queue.
        lease: seconds that workers get messages for.
        may_create: whether that is allowed.

    Raises:
        NatsSetupError: one is missing and may not be created.
    """
    for config in (
        stream(names.now, names.now_subject("*"), retention="workqueue"),
        stream(names.later, names.later_subject("*"), retention="workqueue"),
        stream(names.dead, names.dead_subject("*")),
        stream(names.state, names.state_subjects, max_msgs_per_subject=1),
        stream(
            names.ticks,
            names.tick_subjects,
            max_msgs_per_subject=1,
            max_age=round(TICK_MEMORY * NANOSECONDS),
        ),
        stream(
            names.last_ticks,
            names.last_tick_subject("*"),
            max_msgs_per_subject=1,
            max_age=400 * DAY_IN_NANOSECONDS,
        ),
    ):
        await create_stream(connection, config, may_create=may_create)
    for name, seconds in ((names.now, lease), (names.later, LATER_LEASE)):
        await _create_consumer(connection, name, seconds, may_create=may_create)


async def create_stream(connection: NatsConnection, config: Config, *, may_create: bool) -> None:
    """Create a stream unless there is one of its name.

    Args:
        connection: to the server.
        config: of the stream.
        may_create: whether that is allowed.
    """
    name = config["name"]
    if await _is_there(connection, f"STREAM.INFO.{name}"):
        return
    if not may_create:
        raise _missing(connection, name)
    replicas = connection.server.replicas
    try:
        await connection.api(f"STREAM.CREATE.{name}", {**config, "num_replicas": replicas})
    except NatsCommandError as error:
        if error.code != NAME_TAKEN:  # another process was faster
            raise


async def _create_consumer(
    connection: NatsConnection, stream_name: str, lease: float, *, may_create: bool
) -> None:
    try:
        info = await connection.api(f"CONSUMER.INFO.{stream_name}.{WORKERS}")
    except NatsStreamError:
        if not may_create:
            raise _missing(connection, stream_name) from None
    else:
        if not may_create or info["config"]["ack_wait"] == round(lease * NANOSECONDS):
            return
    config = {
        "durable_name": WORKERS,
        "ack_policy": "explicit",
        "ack_wait": round(lease * NANOSECONDS),
        "deliver_policy": "all",
        "replay_policy": "instant",
        # The server would forget, or hold back, messages by limits of its own: core counts them.
        "max_deliver": -1,
        "max_ack_pending": -1,
        "max_waiting": MAX_PULLS,
    }
    body = {"stream_name": stream_name, "config": config}
    await connection.api(f"CONSUMER.DURABLE.CREATE.{stream_name}.{WORKERS}", body)


async def _is_there(connection: NatsConnection, request: str) -> bool:
    try:
        await connection.api(request)
    except NatsStreamError as error:
        if error.reason == "nobody answers":
            raise
        return False
    return True


def _missing(connection: NatsConnection, name: str) -> NatsSetupError:
    return NatsSetupError(
        address=connection.server.address, request=name, reason="it was not found"
    )
