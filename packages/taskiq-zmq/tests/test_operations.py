"""What an operator sees and does in the client: queues, messages, workers."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from taskiq_core.exceptions import CapabilityError
from taskiq_core.messages.message_info import MessageState
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_core.worker_report import WorkerState
from taskiq_testservers.zmq_workers import MakeClient, MakeWorker, SpawnWorker, connected, settled
from taskiq_zmq import ClientOnlyError, DeliveryMode, ZeroMQBroker
from taskiq_zmq.protocol.frames import MAX_ANNOUNCED, MAX_QUEUES


async def double(value: int) -> int:
    return 2 * value


def worker_of(client: ZeroMQBroker, *queues: str) -> ZeroMQBroker:
    worker = ZeroMQBroker(zmq_sub_host=client.bound_address, mode=client.mode)
    worker.is_worker_process = True
    worker.worker_id = "this worker"
    worker.queues = QueueSelection(dict.fromkeys(queues, 1)) if queues else None
    return worker


def record_of(worker_id: str, **facts: Any) -> WorkerRecord:
    now = datetime.now(UTC)
    state = WorkerState.RUNNING
    return WorkerRecord(
        worker_id=worker_id, host="h", pid=1, state=state, started_at=now, seen_at=now, **facts
    )


async def announced(client: ZeroMQBroker, *worker_ids: str) -> None:
    """Wait until these workers are known."""
    while [each.worker_id for each in await client.workers()] != list(worker_ids):  # noqa: ASYNC110  # no event for that
        await asyncio.sleep(0.005)


class TestQueues:
    async def test_a_task_of_a_worker_goes_to_the_queue_of_its_label(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        inner = client.register_task(double, "double", queue_name="mails")

        async def send() -> str:
            return (await inner.kiq(2)).task_id

        outer = client.register_task(send, "send")
        make_worker(client)

        task_id = (await (await outer.kiq()).wait_result(timeout=20)).return_value

        assert list(await client.queue_names()) == ["default", "mails"]
        page = await client.messages(MessageState.WAITING, queue="mails")
        assert [info.task_id for info in page.messages] == [task_id]

    async def test_messages_of_a_queue_without_a_worker_hold_up_no_other(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        task = client.register_task(double, "double")
        for _ in range(50):
            await task.kicker().with_labels(queue_name="mails").kiq(1)
        make_worker(client)

        assert (await (await task.kiq(2)).wait_result(timeout=20)).return_value == 4
        assert (await client.stats(queue="mails")).waiting == 50

    @pytest.mark.parametrize(
        "queues", [["a\n"], ["a" * 201], [str(number) for number in range(MAX_QUEUES + 1)]]
    )
    async def test_a_worker_does_not_start_with_queues_that_can_not_be(
        self, client: ZeroMQBroker, queues: list[str]
    ) -> None:
        with pytest.raises(ValueError, match="queue"):
            await worker_of(client, *queues).startup()

    async def test_the_age_of_the_oldest_is_known(self, client: ZeroMQBroker) -> None:
        task = client.register_task(double, "double")
        assert (await client.stats()).oldest_age is None

        await task.kiq(1)
        await asyncio.sleep(0.01)

        age = (await client.stats()).oldest_age
        assert age is not None
        assert 0.01 <= age < 20


class TestMessages:
    async def test_a_page_can_not_be_asked_for_in_broadcast_mode(
        self, make_client: MakeClient
    ) -> None:
        client = await make_client(mode=DeliveryMode.BROADCAST)

        with pytest.raises(CapabilityError, match="list its messages"):
            await client.messages(MessageState.WAITING)
        with pytest.raises(CapabilityError, match="move a delayed message"):
            await client.move_to_now("id")

    async def test_a_worker_names_the_client_as_the_place_to_ask(
        self, client: ZeroMQBroker
    ) -> None:
        worker = worker_of(client)
        await worker.startup()
        try:
            with pytest.raises(ClientOnlyError, match="Ask the client"):
                await worker.messages(MessageState.WAITING)
            with pytest.raises(ClientOnlyError, match="Ask the client"):
                await worker.workers()
        finally:
            await worker.shutdown()

    async def test_what_a_lost_worker_held_comes_first_again(self, client: ZeroMQBroker) -> None:
        task = client.register_task(double, "double")
        worker = worker_of(client)
        await worker.startup()
        deliveries = worker.listen()
        for number in range(3):
            await task.kicker().with_task_id(str(number)).kiq(number)
        held = [await anext(deliveries) for _ in range(3)]
        page = await client.messages(MessageState.DELIVERED)
        assert [(info.task_id, info.owner) for info in page.messages] == [
            (each.task_id, "this worker") for each in held
        ]
        await task.kicker().with_task_id("3").kiq(3)

        await worker.shutdown()
        await connected(client, 0)

        page = await client.messages(MessageState.WAITING, limit=2)
        rest = await client.messages(MessageState.WAITING, after=page.after)
        ids = [info.task_id for info in (*page.messages, *rest.messages)]
        assert ids == ["0", "1", "2", "3"]


class TestWorkers:
    async def test_a_killed_worker_is_gone_at_once(
        self, client: ZeroMQBroker, spawn_worker: SpawnWorker
    ) -> None:
        """Its record has fifteen seconds left, its connection has ended."""
        process = spawn_worker(client.bound_address, WORKER_ID="victim")
        await asyncio.wait_for(announced(client, "victim"), 30)

        process.kill()

        await asyncio.wait_for(announced(client), 2)

    async def test_a_client_that_comes_later_learns_of_its_workers(
        self, make_client: MakeClient
    ) -> None:
        first = await make_client()
        worker = worker_of(first)
        await worker.startup()
        try:
            await connected(first, 1)
            await worker.announce(record_of("this worker"), ttl=1_000)
            await asyncio.wait_for(announced(first, "this worker"), 20)
            address = first.bound_address
            await first.shutdown()

            second = await make_client(address)

            await asyncio.wait_for(announced(second, "this worker"), 20)
        finally:
            await worker.shutdown()

    async def test_a_record_that_is_too_large_is_refused(self, client: ZeroMQBroker) -> None:
        worker = worker_of(client)
        await worker.startup()
        try:
            record = record_of("this worker", task_names=["x" * MAX_ANNOUNCED])
            with pytest.raises(ValueError, match="it knows too many tasks"):
                await worker.announce(record, ttl=1)
        finally:
            await worker.shutdown()

    async def test_a_paused_queue_keeps_an_aborted_task_until_it_is_resumed(
        self, client: ZeroMQBroker, make_worker: MakeWorker
    ) -> None:
        task = client.register_task(double, "double")
        make_worker(client)
        await connected(client, 1)
        await client.pause()
        sent = await task.kiq(1)

        assert await sent.abort() == "queued"
        await asyncio.sleep(0.05)
        assert (await client.stats()).waiting == 1
        await client.resume()

        assert (await sent.wait_result(timeout=20)).is_err
        await settled(client)
