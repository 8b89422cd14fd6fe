"""What a running task knows of itself, and can do about its message."""

import asyncio
from typing import Any

import pytest

from taskiq_core import Context, TaskiqMessage
from taskiq_core.exceptions import NoResultError, TaskRejectedError, TaskRetryError
from taskiq_core.messages.acks import AckController
from taskiq_core.messages.labels import REQUEUE


def message(**labels: Any) -> TaskiqMessage:
    return TaskiqMessage(task_id="1", task_name="t", labels=labels, args=[], kwargs={})


def test_it_shows_the_message_the_broker_and_its_state(broker: Any) -> None:
    sent = message()

    context = Context(sent, broker)

    assert context.message is sent
    assert context.broker is broker
    assert context.state is broker.state


@pytest.mark.parametrize(("labels", "attempt"), [({}, 1), ({REQUEUE: 1}, 2), ({REQUEUE: "2"}, 3)])
def test_attempts_are_counted_from_one(broker: Any, labels: dict[str, Any], attempt: int) -> None:
    assert Context(message(**labels), broker).attempt == attempt


async def test_task_can_acknowledge_its_message_once(broker: Any) -> None:
    calls: list[str] = []

    async def ack() -> None:
        await asyncio.sleep(0)
        calls.append("ack")

    context = Context(message(), broker, AckController(ack))
    before = (context.is_ackable, context.is_acked)

    await context.ack()
    await context.ack()

    assert before == (True, False)
    assert (context.is_ackable, context.is_acked) == (True, True)
    assert calls == ["ack"]


@pytest.mark.parametrize("controller", [None, AckController(None)])
async def test_message_that_has_no_acknowledgement(broker: Any, controller: Any) -> None:
    context = Context(message(), broker, controller)

    with pytest.raises(RuntimeError, match=r"^Current message is not ackable\.$"):
        await context.ack()

    assert (context.is_ackable, context.is_acked) == (False, False)


async def test_requeue_gives_the_message_back_at_once(broker: Any) -> None:
    with pytest.raises(TaskRetryError) as caught:
        await Context(message(), broker).requeue()

    assert caught.value.delay == 0
    assert isinstance(caught.value, NoResultError)


def test_reject_gives_the_message_up(broker: Any) -> None:
    with pytest.raises(TaskRejectedError, match=r"^Task was rejected$"):
        Context(message(), broker).reject()
