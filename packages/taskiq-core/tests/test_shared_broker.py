"""The shared broker: libraries declare tasks, programs say what they are sent with."""

from typing import Any

import pytest

from taskiq_core import AsyncBroker, async_shared_broker
from taskiq_core.exceptions import (
    SharedBrokerListenError,
    SharedBrokerSendTaskError,
)
from taskiq_core.shared_broker import AsyncSharedBroker


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> AsyncSharedBroker:
    monkeypatch.setattr(AsyncBroker, "global_task_registry", {})
    return AsyncSharedBroker()


@pytest.fixture
def task(shared: AsyncSharedBroker) -> Any:
    @shared.task(task_name="shared", a=1)
    async def add(first: int) -> int:
        return first + 1

    return add


async def test_task_is_sent_with_the_default_broker(
    shared: AsyncSharedBroker, task: Any, broker: Any
) -> None:
    shared.default_broker(broker)

    sent = await task.kiq(1)

    assert [(m.task_name, m.task_id, m.labels) for m in broker.sent] == [
        ("shared", sent.task_id, {"a": "1"})
    ]
    assert sent.result_backend is broker.result_backend
    assert await task(1) == 2


async def test_default_broker_can_be_set_after_the_task_was_declared_and_changed(
    shared: AsyncSharedBroker, task: Any, broker: Any, ack_only: Any
) -> None:
    shared.default_broker(broker)
    await task.kiq(1)
    shared.default_broker(ack_only)
    await task.kiq(2)

    assert (len(broker.sent), len(ack_only.sent)) == (1, 1)


async def test_kicker_can_name_another_broker(
    shared: AsyncSharedBroker, task: Any, broker: Any, ack_only: Any
) -> None:
    shared.default_broker(broker)

    await task.kicker().with_broker(ack_only).kiq(1)

    assert (len(broker.sent), len(ack_only.sent)) == (0, 1)


async def test_sending_without_a_default_broker_says_what_to_do(task: Any, broker: Any) -> None:
    with pytest.raises(SharedBrokerSendTaskError) as caught:
        await task.kiq(1)

    assert caught.value.task_name == "shared"
    assert str(caught.value) == (
        "You cannot use kiq directly on shared task: it has no broker to be sent with. Call "
        "async_shared_broker.default_broker(broker) first, or name one with "
        ".kicker().with_broker(broker)"
    )
    await task.kicker().with_broker(broker).kiq(1)
    assert len(broker.sent) == 1


def test_every_broker_can_run_it(task: Any, broker: Any, ack_only: Any) -> None:
    for each in (broker, ack_only):
        assert each.find_task("shared") is task
        assert each.get_all_tasks()["shared"] is task
        assert "shared" not in each.local_task_registry


def test_task_of_a_broker_goes_before_a_shared_one(task: Any, broker: Any) -> None:
    @broker.task(task_name="shared")
    async def own() -> None: ...

    assert broker.find_task("shared") is own
    assert broker.get_all_tasks() == {"shared": own}


def test_second_shared_task_of_a_name_replaces_the_first(
    shared: AsyncSharedBroker, task: Any, broker: Any
) -> None:
    @shared.task(task_name="shared")
    async def another() -> None: ...

    assert broker.find_task("shared") is another


async def test_default_broker_may_be_assigned_under_its_name_in_0_13(
    shared: AsyncSharedBroker, task: Any, broker: Any
) -> None:
    shared._default_broker = broker
    await task.kiq(1)

    assert shared.sends_with is broker
    assert shared._default_broker is broker
    assert len(broker.sent) == 1


def test_it_cannot_be_listened_to(shared: AsyncSharedBroker) -> None:
    with pytest.raises(SharedBrokerListenError) as caught:
        shared.listen()

    assert str(caught.value) == ("Shared broker cannot listen: start the worker with a real broker")


def test_there_is_one_for_the_process() -> None:
    assert isinstance(async_shared_broker, AsyncSharedBroker)
