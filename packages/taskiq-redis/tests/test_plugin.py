"""What is registered is what there is."""

import subprocess
import sys
from importlib import import_module

import pytest

import taskiq_redis
from taskiq_core.plugins import broker_from_url, load_plugins, result_backend_from_url
from taskiq_redis import PubSubBroker, RedisAsyncResultBackend, RedisBroker
from taskiq_redis.errors import RedisUrlError
from taskiq_redis.plugin import taskiq_register_brokers


def test_capabilities_of_the_specs_are_those_of_the_classes() -> None:
    for spec in taskiq_register_brokers():
        module, _, name = spec.factory.partition(":")
        assert getattr(import_module(module), name).capabilities == spec.capabilities


def test_every_public_name_is_there() -> None:
    assert [getattr(taskiq_redis, name) for name in taskiq_redis.__all__]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = taskiq_redis.nothing  # type: ignore[attr-defined]


def test_listing_plugins_imports_no_client_library() -> None:
    program = (
        "import sys; from taskiq_core.plugins import load_plugins; load_plugins();"
        "sys.exit('redis' in sys.modules or 'hiredis' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


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
def test_urls_that_cannot_be_used(url: str) -> None:
    with pytest.raises(RedisUrlError, match="can't be used"):
        RedisBroker.from_url(url)


@pytest.mark.parametrize("option", ["lease", "poll_interval", "socket_timeout", "max_message_size"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_options_out_of_range(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{option} must be above 0"):
        RedisBroker(**{option: value})
