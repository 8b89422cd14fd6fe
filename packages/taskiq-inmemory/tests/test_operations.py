"""Queues, workers and history of this process, as operators see them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from taskiq_core.messages.history import DeliveryEnd, HistoryOptions
from taskiq_core.messages.message_info import MessageState
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_inmemory import InMemoryBroker


async def test_messages_of_a_paused_queue_are_kept_shown_and_run_later() -> None:
    broker, ran = InMemoryBroker(), []

    @broker.task(queue_name="mails")
    async def mail(number: int) -> None:
        ran.append(number)

    await broker.pause(queue="mails")
    sent = [(await mail.kiq(number)).task_id for number in range(3)]

    page = await broker.messages(MessageState.WAITING, queue="mails", limit=2, with_body=True)
    rest = await broker.messages(MessageState.WAITING, queue="mails", after=page.after)
    assert [info.task_id for info in (*page.messages, *rest.messages)] == sent
    assert all(info.body and info.size == len(info.body) for info in page.messages)
    assert (await broker.stats(queue="mails")).oldest_age is not None
    assert ran == []
    await broker.resume(queue="mails")
    await broker.wait_all()
    assert ran == [0, 1, 2]


async def test_inplace_task_of_a_paused_queue_waits() -> None:
    broker, ran = InMemoryBroker(await_inplace=True), []

    @broker.task
    async def work() -> None:
        ran.append("ran")

    await broker.pause()
    await work.kiq()
    assert ran == []
    await broker.resume()
    await broker.wait_all()

    assert ran == ["ran"]


async def test_full_queues_share_the_slots_by_weight() -> None:
    broker, ran = InMemoryBroker(max_async_tasks=1), []
    broker.queues = QueueSelection({"heavy": 3, "light": 1})
    await broker.startup()

    @broker.task
    async def note(name: str) -> None:
        ran.append(name)

    for name in ("heavy", "light"):
        await broker.pause(queue=name)
        for _ in range(8):
            await note.kicker().with_labels(queue_name=name).kiq(name)
    for name in ("heavy", "light"):
        broker.queue.paused.discard(name)
    await broker.resume()
    await broker.wait_all()

    assert len(ran) == 16
    assert ran[:8].count("light") == 2
    await broker.shutdown()


async def test_messages_that_run_and_that_are_dead_are_listed() -> None:
    broker, gate, started = InMemoryBroker(), asyncio.Event(), asyncio.Event()

    @broker.task
    async def hold() -> None:
        started.set()
        await gate.wait()

    task = await hold.kiq()
    await started.wait()

    (info,) = (await broker.messages(MessageState.DELIVERED)).messages

    assert (info.task_id, info.attempt, info.state) == (task.task_id, 1, MessageState.DELIVERED)
    gate.set()
    await broker.wait_all()
    assert (await broker.messages(MessageState.DELIVERED)).messages == []


async def test_this_process_is_listed_as_a_worker() -> None:
    broker, gate, started = InMemoryBroker(max_async_tasks=5), asyncio.Event(), asyncio.Event()

    @broker.task(task_name="hold")
    async def hold() -> None:
        started.set()
        await gate.wait()

    task = await hold.kiq()
    await started.wait()

    (record,) = await broker.workers()

    assert [each.task_id for each in record.running] == [task.task_id]
    assert record.running_count == 1
    assert record.slots_total == 5
    assert record.task_names == ["hold"]
    gate.set()
    await broker.wait_all()


async def test_history_is_kept_on_request() -> None:
    broker = InMemoryBroker(history=HistoryOptions(max_deliveries=10))

    @broker.task(task_name="work")
    async def work(number: int) -> None:
        if number == 1:
            raise ValueError("one")

    await broker.startup()
    for number in range(3):
        await (await work.kiq(number)).wait_result()
    await broker.wait_all()
    await broker.shutdown()

    page = await broker.deliveries_of_past()
    (failed,) = (await broker.deliveries_of_past(end=DeliveryEnd.FAILED)).deliveries
    counters = await broker.minute_counters(since=datetime.now(UTC) - timedelta(minutes=5))
    assert len(page.deliveries) == 3
    assert failed.error == "ValueError: one"
    assert sum(each.succeeded for each in counters) == 2
    assert sum(each.failed for each in counters) == 1


async def test_key_that_is_not_one_is_refused() -> None:
    with pytest.raises(ValueError, match="'first' is not the key of a page"):
        await InMemoryBroker().messages(MessageState.WAITING, after="first")
