"""A worker and a sender say which broker they use."""

import logging
from typing import Any

import pytest

from taskiq_core.brokers.describe import describe_broker, describe_queues
from taskiq_core.messages.queue_selection import QueueSelection


def test_broker_is_its_repr_without_credentials(broker: Any, monkeypatch: Any) -> None:
    assert describe_broker(broker) == "QueueBroker"

    url = "redis://user:p:w@host:6379/0"
    monkeypatch.setattr(type(broker), "__repr__", lambda _: f"QueueBroker({url})")
    assert describe_broker(broker) == "QueueBroker(redis://***@host:6379/0)"


@pytest.mark.parametrize(
    ("selection", "text"),
    [
        (None, "queue default"),
        (QueueSelection.parse("mails"), "queue mails"),
        (QueueSelection.parse("mails,reports=3"), "queues mails, reports=3"),
        (
            QueueSelection.parse("mails,reports", is_strict=True),
            "queues mails, reports, strictly in this order",
        ),
    ],
    ids=str,
)
def test_queues_in_words(broker: Any, selection: QueueSelection | None, text: str) -> None:
    broker.queues = selection

    assert describe_queues(broker) == text


async def test_sender_says_once_where_it_sends_to(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "taskiq.broker")

    await broker.startup()
    await broker.startup()

    assert caplog.messages == ["Sending to QueueBroker, queue default"]


async def test_worker_does_not_say_that_it_sends(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "taskiq.broker")
    broker.is_worker_process = True

    await broker.startup()

    assert caplog.messages == []
