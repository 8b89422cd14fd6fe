"""Options: in URLs and in constructors, and what is refused."""

import pytest

from taskiq_core.plugins import broker_from_url, load_plugins, result_backend_from_url
from taskiq_redis import (
    ListRedisScheduleSource,
    PubSubBroker,
    RedisAsyncResultBackend,
    RedisBroker,
)
from taskiq_redis.errors import RedisUrlError


def test_urls() -> None:
    plugins = load_plugins()

    broker = broker_from_url("redis://host:6380/2?queue_name=mail&lease=30", plugins=plugins)
    pubsub = broker_from_url("redis+pubsub://host/0?queue_name=news", plugins=plugins)
    results = result_backend_from_url("redis://host/1?result_ex_time=5", plugins=plugins)

    assert isinstance(broker, RedisBroker)
    assert (broker.queue_name, broker.lease, broker.server.address) == ("mail", 30, "host:6380")
    assert isinstance(pubsub, PubSubBroker)
    assert pubsub.queue_name == "news"
    assert isinstance(results, RedisAsyncResultBackend)


@pytest.mark.parametrize("url", ["redis://h/0?lease=soon", "http://host", "redis://host:port"])
def test_urls_that_can_not_be_used(url: str) -> None:
    with pytest.raises(RedisUrlError, match="can't be used"):
        RedisBroker.from_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:secr#et@host",
        "redis://:secr/et@host",
        "redis://u:secret@host:port",
        "redis://u:secr?et@host",
        "redis://u:secret@[::1",
    ],
)
@pytest.mark.parametrize("make", [RedisBroker, RedisBroker.from_url])
def test_url_that_can_not_be_read_is_not_shown(make: type[RedisBroker], url: str) -> None:
    with pytest.raises(RedisUrlError) as refused:
        make(url)

    assert "secr" not in str(refused.value)
    assert "quote them" in str(refused.value)


@pytest.mark.parametrize("option", ["lease", "poll_interval", "socket_timeout", "max_message_size"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_options_of_brokers_out_of_range(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"RedisBroker: {option} must be above 0"):
        RedisBroker(**{option: value})


@pytest.mark.parametrize("option", ["poll_interval", "socket_timeout"])
def test_options_of_results_out_of_range(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be above 0"):
        RedisAsyncResultBackend(**{option: 0.0})


@pytest.mark.parametrize("option", ["claim_lease", "claim_memory"])
def test_options_of_schedules_out_of_range(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be above 0"):
        ListRedisScheduleSource(**{option: 0.0})


def test_unknown_option_is_named() -> None:
    with pytest.raises(RedisUrlError, match="bogus"):
        RedisBroker("redis://localhost?bogus=1")
    with pytest.raises(RedisUrlError, match=r"'leese'\. Leave it out, or look at its spelling"):
        RedisBroker("redis://localhost", leese=3)
    with pytest.raises(RedisUrlError, match="begins with rediss://"):
        RedisBroker("redis://localhost", ssl_ca_certs="x.pem")
