"""The known names; `soak_forms.py` holds those for Sentinel and Cluster against the contract."""

from typing import Any

import pytest
from redis_server import RedisServer

from taskiq_core.exceptions import ResultBackendMissingError
from taskiq_redis import (
    ListQueueBroker,
    ListQueueClusterBroker,
    ListQueueSentinelBroker,
    PubSubSentinelBroker,
    RedisStreamBroker,
    RedisStreamClusterBroker,
    RedisStreamSentinelBroker,
)


async def _double(number: int) -> int:
    return 2 * number


async def test_lists_keep_no_results_unless_they_are_told_where(server: RedisServer) -> None:
    broker = ListQueueBroker(server.url, max_connection_pool_size=3)
    task = await broker.register_task(_double, "double").kiq(1)

    with pytest.raises(ResultBackendMissingError):
        await task.wait_result(timeout=1)

    assert (await broker.stats()).waiting == 1
    await broker.shutdown()


def test_streams_take_what_they_do_not_need() -> None:
    broker = RedisStreamBroker(
        "redis://host",
        "mail",
        None,
        "group",
        consumer_name="me",
        xread_block=1,
        xread_count=2,
        mkstream=True,
        approximate=True,
        idle_timeout=5_000,
        unacknowledged_batch_size=3,
    )

    assert (broker.queue_name, broker.lease) == ("mail", 5)


@pytest.mark.parametrize("option", [{"maxlen": 1000}, {"additional_streams": {"other": ">"}}])
def test_streams_refuse_what_would_lose_tasks(option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        RedisStreamBroker("redis://host", **option)


@pytest.mark.parametrize(
    "broker",
    [
        ListQueueSentinelBroker([("h", 1)], "m", queue_name="mail"),
        RedisStreamSentinelBroker([("h", 1)], "m", queue_name="mail"),
        PubSubSentinelBroker([("h", 1)], "m", queue_name="mail"),
        ListQueueClusterBroker("redis://h:1", queue_name="mail"),
        RedisStreamClusterBroker("redis://h:1", queue_name="mail"),
    ],
    ids=lambda broker: type(broker).__name__,
)
def test_names_for_sentinel_and_cluster(broker: Any) -> None:
    assert broker.queue_name == "mail"
    assert repr(broker).startswith(f"{type(broker).__name__}(the ")
