"""What the package says it has is what it has, and saying it imports nothing heavy."""

import subprocess
import sys
from importlib import import_module

import pytest

import taskiq_nats
from taskiq_core.plugins import broker_from_url, result_backend_from_url
from taskiq_nats import JetStreamBroker, JetStreamResultBackend, plugin
from taskiq_nats.errors import NatsUrlError
from taskiq_nats.options import CAPABILITIES


def test_every_public_name_is_there() -> None:
    for name in taskiq_nats.__all__:
        assert getattr(taskiq_nats, name).__name__ == name
    assert set(taskiq_nats._HOMES) == set(taskiq_nats.__all__)


@pytest.mark.parametrize("name", taskiq_nats._REMOVED)
def test_names_of_earlier_versions_say_what_to_do(name: str) -> None:
    with pytest.raises(ImportError, match='taskiq-nats<1"') as caught:
        getattr(taskiq_nats, name)

    assert str(caught.value).startswith(name)


def test_the_plugin_declares_what_the_broker_can_do() -> None:
    [spec] = plugin.taskiq_register_brokers()

    assert spec.capabilities == JetStreamBroker.capabilities
    assert spec.capabilities == CAPABILITIES


def test_loading_the_plugin_imports_no_client_library() -> None:
    code = "import sys, taskiq_nats.plugin; sys.exit('nats' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_urls_make_a_broker_and_a_backend() -> None:
    broker = broker_from_url("nats://user:s%40cret@one:4223,two?lease=5&queue_name=mails")
    backend = result_backend_from_url("nats+tls://t0ken@[::1]?result_ttl=5")

    assert isinstance(broker, JetStreamBroker)
    assert broker.lease == 5.0
    assert repr(broker) == "JetStreamBroker(one:4223,two:4222, queue_name='mails')"
    options = broker.server.connect_options()
    assert options["servers"] == ["nats://one:4223", "nats://two:4222"]
    assert (options["user"], options["password"]) == ("user", "s@cret")
    assert isinstance(backend, JetStreamResultBackend)
    assert (backend.result_ttl, repr(backend)) == (5.0, "JetStreamResultBackend([::1]:4222)")
    assert backend.server.connect_options()["token"] == "t0ken"
    assert "tls" in backend.server.connect_options()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nats://host?leese=5", "unknown option 'leese'; did you mean 'lease'?"),
        ("nats://host?lease=long", "its option lease is 'long'"),
        ("redis://host", "it does not begin with nats or nats+tls and ://"),
        ("nats://one,,two", "a host of it is empty, or has a path"),
        ("nats://user:secret@host:port", "a host or port of it can't be read"),
    ],
)
def test_urls_that_are_refused(url: str, reason: str) -> None:
    with pytest.raises(NatsUrlError) as caught:
        JetStreamBroker.from_url(url)

    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)


def test_every_target_can_be_imported() -> None:
    for spec in plugin.taskiq_register_result_backends():
        module, _, name = spec.factory.partition(":")
        assert name in import_module(module).__all__
