"""One call to be: with labels, an id or a broker of its own."""

from typing import Any

import pytest

from taskiq_core import AcknowledgeType
from taskiq_core.exceptions import SendTaskError, TaskArgumentError, UnsupportedLabelError


@pytest.fixture
def add(broker: Any) -> Any:
    @broker.task(task_name="add", queue="slow", tries=3)
    async def add(first: int, second: int = 0) -> int:
        return first + second

    return add


def sent_with(broker: Any) -> Any:
    (stored,) = broker.sent
    message = broker.formatter.loads(stored.message)
    message.parse_labels()
    return message


async def test_call_carries_its_arguments_and_the_labels_of_its_task(broker: Any, add: Any) -> None:
    task = await add.kiq(1, second=2)

    message = sent_with(broker)
    assert (message.task_name, message.args, message.kwargs) == ("add", [1], {"second": 2})
    assert message.labels == {"queue": "slow", "tries": 3}
    assert message.task_id == task.task_id
    assert task.return_type is int
    assert task.result_backend is broker.result_backend


async def test_labels_travel_as_texts_beside_the_message_too(broker: Any, add: Any) -> None:
    await add.kicker().with_labels(fast=True, key=b"\xff").kiq(1)

    (stored,) = broker.sent
    assert stored.labels == {"queue": "slow", "tries": "3", "fast": "True", "key": "/w=="}


async def test_label_of_a_call_replaces_that_of_the_task_for_this_call_alone(
    broker: Any, add: Any
) -> None:
    await add.kicker().with_labels(queue="fast").with_labels(extra=1).kiq(1)

    assert sent_with(broker).labels == {"queue": "fast", "tries": 3, "extra": 1}
    assert add.labels == {"queue": "slow", "tries": 3}
    assert add.kicker().labels == {"queue": "slow", "tries": 3}


async def test_ids_are_random_unless_given(broker: Any, add: Any) -> None:
    tasks = [await add.kiq(1) for _ in range(10)]
    named = await add.kicker().with_task_id("mine").kiq(1)
    unnamed = await add.kicker().with_task_id("mine").with_task_id(None).kiq(1)

    ids = [task.task_id for task in (*tasks, unnamed)]
    assert len(set(ids)) == 11
    assert all(len(task_id) == 32 and int(task_id, 16) >= 0 for task_id in ids)
    assert named.task_id == "mine"
    assert [message.task_id for message in broker.sent] == [*ids[:-1], "mine", ids[-1]]


async def test_ids_come_from_the_generator_of_the_broker(broker: Any, add: Any) -> None:
    assert broker.with_id_generator(iter(["first", "second"]).__next__) is broker

    assert [(await add.kiq(1)).task_id for _ in range(2)] == ["first", "second"]


def test_id_of_a_schedule_is_kept_for_the_schedule(add: Any) -> None:
    kicker = add.kicker()

    assert kicker.custom_schedule_id is None
    assert kicker.with_schedule_id("nightly") is kicker
    assert kicker.custom_schedule_id == "nightly"


async def test_other_broker_sends_it_and_learns_the_task(
    broker: Any, ack_only: Any, add: Any
) -> None:
    task = await add.kicker().with_broker(ack_only).kiq(1)

    assert sent_with(ack_only).task_name == "add"
    assert broker.sent == []
    assert ack_only.find_task("add") is add
    assert task.result_backend is ack_only.result_backend


async def test_other_broker_keeps_a_task_of_that_name(broker: Any, ack_only: Any, add: Any) -> None:
    @ack_only.task(task_name="add")
    async def another_add(first: int) -> int:
        return first

    await add.kicker().with_broker(ack_only).kiq(1)

    assert ack_only.find_task("add") is another_add


async def test_id_of_a_call_for_another_broker_is_made_by_that_one(
    broker: Any, ack_only: Any, add: Any
) -> None:
    ack_only.with_id_generator(lambda: "theirs")

    assert (await add.kicker().with_broker(ack_only).kiq(1)).task_id == "theirs"


async def test_label_is_checked_against_the_broker_that_sends(
    broker: Any, ack_only: Any, add: Any
) -> None:
    kicker = add.kicker().with_labels(delay=1)

    with pytest.raises(UnsupportedLabelError, match="asks for 'delay', which QueueBroker"):
        await kicker.kiq(1)
    await kicker.with_broker(ack_only).kiq(1)

    assert sent_with(ack_only).labels["delay"] == 1


async def test_exception_classes_for_this_process_are_never_sent(broker: Any) -> None:
    @broker.task(task_name="t", types_of_exceptions=(ValueError,))
    async def t() -> None: ...

    await t.kicker().with_labels(types_of_exceptions=[OSError], a=1).kiq()

    (stored,) = broker.sent
    message = sent_with(broker)
    assert message.labels == {"a": 1}
    assert message.labels_types is not None
    assert "types_of_exceptions" not in message.labels_types
    assert b"types_of_exceptions" not in stored.message
    assert t.labels == {"types_of_exceptions": (ValueError,)}


async def test_one_kicker_can_send_many_calls(broker: Any, add: Any) -> None:
    kicker = add.kicker().with_labels(batch="a")

    first, second = await kicker.kiq(1), await kicker.kiq(2)

    assert first.task_id != second.task_id
    assert [message.labels["batch"] for message in broker.sent] == ["a", "a"]


async def test_argument_keeps_its_value_for_the_caller(broker: Any) -> None:
    @broker.task
    async def t(numbers: list[int], **options: Any) -> None: ...

    numbers, options = [3, 1, 2], {"deep": {"a": 1}}
    await t.kiq(numbers, options=options)

    assert numbers == [3, 1, 2]
    assert options == {"deep": {"a": 1}}


@pytest.mark.parametrize("task_id", ["a\0b", "\ud800"])
async def test_task_id_that_a_store_can_not_keep_is_refused(broker: Any, task_id: str) -> None:
    @broker.task
    async def work(value: int) -> None: ...

    with pytest.raises(SendTaskError, match="its task id") as refused:
        await work.kicker().with_task_id(task_id).kiq(1)
    assert not isinstance(refused.value, TaskArgumentError)
    assert repr(task_id) in str(refused.value)
    assert broker.sent == []


@pytest.mark.parametrize("task_id", ["a\nb", "ü", "with space", "\U0001f600\u200b"])
async def test_other_task_ids_are_sent(broker: Any, task_id: str) -> None:
    @broker.task
    async def work() -> None: ...

    assert (await work.kicker().with_task_id(task_id).kiq()).task_id == task_id


async def test_ack_type_that_does_not_exist_is_refused_when_it_is_sent(broker: Any) -> None:
    @broker.task
    async def work() -> None: ...

    with pytest.raises(SendTaskError, match=r"'ack_type': 'nope' is not an acknowledgement type"):
        await work.kicker().with_labels(ack_type="nope").kiq()
    assert broker.sent == []


@pytest.mark.parametrize("ack_type", [AcknowledgeType.MANUAL, "when_received", "WHEN_SAVED"])
async def test_ack_types_are_sent(broker: Any, ack_type: Any) -> None:
    @broker.task
    async def work() -> None: ...

    await work.kicker().with_labels(ack_type=ack_type).kiq()

    assert len(broker.sent) == 1
