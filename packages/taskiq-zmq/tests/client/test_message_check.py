"""Messages that the protocol can't carry are refused before they are queued."""

import pytest

from taskiq_core.exceptions import MessageTooLargeError, SendTaskError
from taskiq_core.messages.message import BrokerMessage
from taskiq_zmq.client.message_check import MessageCheck


def message(task_id: str = "id", task_name: str = "name", body: bytes = b"") -> BrokerMessage:
    return BrokerMessage(task_id=task_id, task_name=task_name, message=body, labels={})


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (message(task_id="i" * 65_536), "its id has 65536 bytes, 65535 are allowed"),
        (message(task_name="é" * 32_768), "its name has 65536 bytes, 65535 are allowed"),
        (message(task_id="\ud800"), "its id is not text in UTF-8"),
    ],
)
def test_texts_that_can_not_travel_are_named(refused: BrokerMessage, reason: str) -> None:
    with pytest.raises(SendTaskError, match=reason):
        MessageCheck(10)(refused)


def test_a_body_beyond_the_limit_is_refused() -> None:
    with pytest.raises(MessageTooLargeError, match="it has 11 bytes, 10 are allowed"):
        MessageCheck(10)(message(body=bytes(11)))


def test_the_longest_texts_pass() -> None:
    check = MessageCheck(10)

    assert check(message(task_id="i" * 65_535, task_name="é" * 32_767, body=bytes(10))) is None
