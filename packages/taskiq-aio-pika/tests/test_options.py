"""URLs and arguments: read, and refused where they can't be understood."""

from typing import Any

import pytest

from taskiq_aio_pika import AioPikaBroker, Queue, QueueType
from taskiq_aio_pika.errors import RabbitUrlError
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import MessageTooLargeError, SendTaskError, UnsupportedLabelError
from taskiq_core.messages.message import BrokerMessage


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("amqp://u:secret@h/?queue_nam=a", "did you mean 'queue_name'"),
        ("amqp://u:secret@h/?heartbeet=5", "did you mean 'heartbeat'"),
        ("amqp://u:secret@h/?heartbeat=no", "its option heartbeat is 'no'"),
        ("amqp://u:secret@h/?qos=many", "its option qos is 'many'"),
        ("amqp://u:secret@h:port/", "its host or port can't be read"),
        ("http://u:secret@h/", "it begins with neither"),
        ("u:secret@h", "it begins with neither"),
    ],
)
def test_wrong_urls_are_refused_without_being_shown(url: str, reason: str) -> None:
    with pytest.raises(RabbitUrlError, match=reason) as caught:
        AioPikaBroker.from_url(url)

    assert "secret" not in str(caught.value)


def test_arguments_of_the_connection_make_a_url() -> None:
    broker = AioPikaBroker(host="h", login="u", password="p@/w", virtualhost="a/b", ssl=True)

    [url] = broker.server.urls
    assert (url.scheme, url.host, url.port, url.user, url.password) == (
        "amqps",
        "h",
        5671,
        "u",
        "p@/w",
    )
    assert broker.server.address == "h:5671/a%2Fb"


@pytest.mark.parametrize(
    "options",
    [{"hots": "h"}, {"url": "amqp://h", "host": "h"}],
    ids=["misspelt", "both"],
)
def test_unknown_arguments_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        AioPikaBroker(**options)


@pytest.mark.parametrize("option", ["qos", "confirm_timeout", "abort_timeout", "max_message_size"])
def test_options_out_of_range_are_refused(option: str) -> None:
    with pytest.raises(ValueError, match=option):
        AioPikaBroker(**{option: 0})  # type: ignore[arg-type]  # of any option


def test_streams_and_priorities_are_refused() -> None:
    with pytest.raises(ValueError, match="is a stream"):
        Queue(type=QueueType.STREAM)
    with pytest.raises(ValueError, match="queue of their own"):
        Queue(max_priority=10)


def test_several_queues_are_a_capability_of_the_object() -> None:
    broker = AioPikaBroker().with_queues(Queue(name="a"), Queue(name="b"))

    assert broker.queue_name == "a"
    assert broker.capabilities == AioPikaBroker.capabilities | {Capability.QUEUES}
    assert Capability.QUEUES not in (AioPikaBroker().capabilities or ())


def message(**labels: Any) -> BrokerMessage:
    return BrokerMessage(task_id="id", task_name="task", message=b"12345", labels=labels)


async def test_labels_that_can_not_be_honoured_are_refused() -> None:
    broker = AioPikaBroker(label_for_priority="urgency", max_message_size=5)

    with pytest.raises(UnsupportedLabelError, match="urgency"):
        await broker.kick(message(urgency=1))
    with pytest.raises(SendTaskError, match="above 77 days"):
        await broker.kick(message(delay=78 * 86_400))
    with pytest.raises(SendTaskError, match="the broker's queues are taskiq"):
        await broker.kick(message(queue_name="other"))
    with pytest.raises(MessageTooLargeError):
        await AioPikaBroker(max_message_size=4).kick(message())


def test_delay_queues_are_not_needed(caplog: pytest.LogCaptureFixture) -> None:
    AioPikaBroker(delay_queue=Queue(name="delays"))

    assert "remove the arguments" in caplog.text
