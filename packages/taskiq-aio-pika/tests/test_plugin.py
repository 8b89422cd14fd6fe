"""What the package says it has is what it has, and saying it imports nothing heavy."""

import subprocess
import sys

import taskiq_aio_pika
from taskiq_aio_pika import AioPikaBroker, plugin
from taskiq_aio_pika.options import CAPABILITIES
from taskiq_core.plugins import broker_from_url


def test_every_public_name_is_there() -> None:
    for name in taskiq_aio_pika.__all__:
        assert getattr(taskiq_aio_pika, name).__name__ == name
    assert set(taskiq_aio_pika._HOMES) == set(taskiq_aio_pika.__all__)


def test_the_plugin_declares_what_the_broker_can_do() -> None:
    [spec] = plugin.taskiq_register_brokers()

    assert spec.capabilities == AioPikaBroker.capabilities
    assert spec.capabilities == CAPABILITIES


def test_loading_the_plugin_imports_no_client_library() -> None:
    code = "import sys, taskiq_aio_pika.plugin; sys.exit('aiormq' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_urls_make_a_broker_that_hides_credentials() -> None:
    broker = broker_from_url("amqps://u:secret@one:5673,two/jobs?queue_name=mails&qos=5")

    assert isinstance(broker, AioPikaBroker)
    assert (broker.queue_name, broker.qos) == ("mails", 5)
    assert repr(broker) == "AioPikaBroker(one:5673,two:5671/jobs, queue_name='mails')"
    assert "secret" not in repr(broker.server)
