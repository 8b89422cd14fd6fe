"""What can happen to connections, queues and the server: each ends in a clear state."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiormq
import pytest

from taskiq_aio_pika import AioPikaBroker
from taskiq_aio_pika.errors import (
    QueueMissingError,
    RabbitBlockedError,
    RabbitLoginError,
    RabbitRightsError,
    RabbitUnreachableError,
)
from taskiq_core.exceptions import BrokerError
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.slots import Slots
from taskiq_testservers.rabbitmq_server import RabbitServer
from taskiq_testservers.redis_server import find_free_port

PATIENCE = 30


def message(task_id: str, **labels: Any) -> BrokerMessage:
    return BrokerMessage(task_id=task_id, task_name="task", message=b"body", labels=labels)


@asynccontextmanager
async def channel_of(server: RabbitServer) -> AsyncIterator[aiormq.abc.AbstractChannel]:
    """A channel of another program."""
    connection = await aiormq.connect(server.url)
    yield await connection.channel()
    await connection.close()


@pytest.fixture
async def broker(url: str) -> AsyncIterator[AioPikaBroker]:
    async with AioPikaBroker.from_url(url) as broker:
        yield broker


async def next_delivery(broker: AioPikaBroker) -> Delivery:
    """Return the next delivery; as core does, ask again when the stream ends in an error."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(BrokerError):
                return await anext(broker.deliveries(Slots(1)))


async def test_worker_and_client_go_on_when_their_queue_is_deleted(
    broker: AioPikaBroker, shared_server: RabbitServer
) -> None:
    """The server cancels the subscription: the worker hears of it, and is not deaf."""
    stream = broker.deliveries(Slots(1))
    waiting = asyncio.ensure_future(anext(stream))
    await broker.kick(message("before"))
    await (await waiting).ack()
    waiting = asyncio.ensure_future(anext(stream))

    async with channel_of(shared_server) as channel:
        await channel.queue_delete(broker.queue_name)

    with pytest.raises(BrokerError, match="ended the subscription"):
        await asyncio.wait_for(waiting, PATIENCE)
    await broker.kick(message("after"))
    assert (await next_delivery(broker)).task_id == "after"


async def test_queue_that_is_deleted_is_created_by_the_next_message(
    broker: AioPikaBroker, shared_server: RabbitServer
) -> None:
    async with channel_of(shared_server) as channel:
        await channel.queue_delete(broker.queue_name)

    await broker.kick_many([message("1"), message("2")])

    assert (await broker.stats()).waiting == 2


async def test_purge_leaves_workers_listening(
    broker: AioPikaBroker, shared_server: RabbitServer
) -> None:
    waiting = asyncio.ensure_future(next_delivery(broker))
    async with channel_of(shared_server) as channel:
        await channel.queue_purge(broker.queue_name)

    await broker.kick(message("after"))

    assert (await waiting).task_id == "after"


async def test_worker_comes_back_each_time_that_its_connection_is_closed(
    broker: AioPikaBroker, url: str
) -> None:
    """Deliveries are lost with the connection, and come again with a higher attempt."""
    worker = AioPikaBroker.from_url(url)
    await broker.kick(message("task"))
    for attempt in range(1, 11):
        delivery = await next_delivery(worker)
        assert (delivery.attempt, delivery.unsettled) == (attempt, attempt - 1)
        connection = await worker.queue.connection.get()

        await connection.close()

        lost = await asyncio.wait_for(anext(worker.lost()), PATIENCE)
        assert lost is delivery
    await worker.shutdown()


async def test_worker_comes_back_when_an_operator_closes_its_connection(
    broker: AioPikaBroker, shared_server: RabbitServer
) -> None:
    stream = broker.deliveries(Slots(1))
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.wait({waiting}, timeout=0.2)

    await shared_server.control("close_all_connections", "for the test")

    with pytest.raises(BrokerError):
        await asyncio.wait_for(waiting, PATIENCE)
    await eventually(lambda: broker.kick(message("after")))
    assert (await next_delivery(broker)).task_id == "after"


async def test_user_without_the_right_to_create_works_where_all_is_there(
    broker: AioPikaBroker, shared_server: RabbitServer, queue_name: str
) -> None:
    waiting = asyncio.ensure_future(next_delivery(broker))
    await broker.kick(message("first"))
    await (await waiting).ack()
    await shared_server.control("add_user", "limited", "password")
    await shared_server.control("set_permissions", "limited", r"^amq\.gen.*$", ".*", ".*")
    address = f"amqp://limited:password@127.0.0.1:{shared_server.port}/"

    async with AioPikaBroker(address, queue_name=queue_name) as limited:
        await limited.kick(message("second"))
        assert (await next_delivery(limited)).task_id == "second"
    other = AioPikaBroker(address, queue_name=f"{queue_name}-other")
    with pytest.raises(RabbitRightsError, match="needs the right to configure"):
        await other.startup()
    await other.shutdown()


async def test_memory_alarm_is_an_error_at_once_and_passes(
    broker: AioPikaBroker, shared_server: RabbitServer
) -> None:
    await broker.kick(message("before"))
    await shared_server.control("set_vm_memory_high_watermark", "0.000001")

    try:
        with pytest.raises(RabbitBlockedError):
            await send_until_it_fails(broker)
        with pytest.raises(RabbitBlockedError):
            await asyncio.wait_for(broker.kick(message("blocked")), 1)
    finally:
        await shared_server.control("set_vm_memory_high_watermark", "0.8")

    await eventually(lambda: broker.kick(message("after")))


async def send_until_it_fails(broker: AioPikaBroker) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            await broker.kick(message("blocked"))


async def eventually(call: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(BrokerError):
                return await call()
            await asyncio.sleep(0.05)


async def test_the_second_host_is_used_where_the_first_does_not_answer(
    shared_server: RabbitServer, queue_name: str
) -> None:
    hosts = f"127.0.0.1:{find_free_port()},127.0.0.1:{shared_server.port}"
    broker = AioPikaBroker(f"amqp://guest:guest@{hosts}/", queue_name=queue_name)

    async with broker:
        await broker.kick(message("sent"))

        assert (await broker.stats()).waiting == 1


async def test_a_wrong_password_is_not_shown(shared_server: RabbitServer) -> None:
    broker = AioPikaBroker(f"amqp://guest:secret@127.0.0.1:{shared_server.port}/")

    with pytest.raises(RabbitLoginError) as caught:
        await broker.startup()

    assert "secret" not in str(caught.value)
    await broker.shutdown()


async def test_a_server_that_is_not_there_is_named() -> None:
    port = find_free_port()
    broker = AioPikaBroker(f"amqp://127.0.0.1:{port}")

    with pytest.raises(RabbitUnreachableError, match=str(port)):
        await broker.startup()

    await broker.shutdown()


async def test_commands_of_operators_create_nothing(url: str) -> None:
    broker = AioPikaBroker.from_url(url)
    broker.may_create = False

    with pytest.raises(QueueMissingError):
        await broker.startup()

    await broker.shutdown()


async def test_a_queue_of_another_program_is_used_as_it_is(
    shared_server: RabbitServer, url: str, queue_name: str
) -> None:
    """A classic queue with a message of taskiq-aio-pika 0.6, which has no headers of ours."""
    async with channel_of(shared_server) as channel:
        await channel.queue_declare(queue_name, durable=True)
        properties = aiormq.spec.Basic.Properties(message_id="old", headers={"label": "1"})
        await channel.basic_publish(b"body", routing_key=queue_name, properties=properties)

    async with AioPikaBroker.from_url(url) as broker:
        delivery = await next_delivery(broker)

        assert (delivery.task_id, delivery.data, delivery.attempt) == ("old", b"body", 1)


async def test_losses_are_counted_in_a_classic_queue(
    shared_server: RabbitServer, url: str, queue_name: str
) -> None:
    async with channel_of(shared_server) as channel:
        await channel.queue_declare(queue_name, durable=True)
    async with AioPikaBroker.from_url(url) as client:
        await client.kick(message("task"))
        for attempt in (1, 2, 3):
            async with AioPikaBroker.from_url(url) as worker:
                assert (await next_delivery(worker)).attempt == attempt


async def test_tasks_go_through_the_exchange_to_the_queue_of_their_label(
    shared_server: RabbitServer, queue_name: str
) -> None:
    from taskiq_aio_pika import Exchange, Queue

    other = f"{queue_name}-other"
    broker = AioPikaBroker(shared_server.url, exchange=Exchange(name=f"{queue_name}.x"))
    broker.with_queues(Queue(name=queue_name), Queue(name=other, routing_key="key"))
    async with broker:
        await broker.kick(message("1"))
        await broker.kick(message("2", queue_name="key"))

        assert [(await broker.stats(queue=each)).waiting for each in (queue_name, other)] == [1, 1]
        stream = broker.deliveries(Slots(2))
        found = {(await anext(stream)).task_id for _ in range(2)}
        await stream.aclose()
    assert found == {"1", "2"}
    async with channel_of(shared_server) as channel:
        await channel.queue_delete(other)
        await channel.exchange_delete(f"{queue_name}.x")
