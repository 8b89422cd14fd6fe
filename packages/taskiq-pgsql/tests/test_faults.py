"""Connections are cut, hang, or are refused: calls fail with an error that says so, then go on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.slots import Slots
from taskiq_pgsql import PostgresBroker
from taskiq_pgsql.errors import (
    PostgresLoginError,
    PostgresTimeoutError,
    PostgresUnreachableError,
)
from taskiq_testkit import TcpProxy
from taskiq_testservers.postgres_server import PostgresServer


@pytest.fixture
async def proxy(shared_server: PostgresServer) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(shared_server.port) as proxy:
        yield proxy


@pytest.fixture
async def broker(shared_server: PostgresServer, proxy: TcpProxy, url: str) -> AsyncIterator[Any]:
    schema = url.rpartition("=")[2]
    address = shared_server.url(port=proxy.port)
    broker = PostgresBroker(address, schema=schema, command_timeout=1.0, lease=60.0)
    async with broker:
        yield broker


def message(task_id: str) -> BrokerMessage:
    return BrokerMessage(task_id=task_id, task_name="task", message=b"m", labels={})


async def kicked(broker: PostgresBroker, task_id: str) -> None:
    """Send as a program does whose every task matters."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await broker.kick(message(task_id))
            except PostgresUnreachableError:
                await asyncio.sleep(0.05)


async def backends(server: PostgresServer) -> list[int]:
    rows = await server.run(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'taskiq' ORDER BY backend_start"
    )
    return [row["pid"] for row in rows]


async def test_each_backend_may_be_terminated_in_turn(
    shared_server: PostgresServer, broker: PostgresBroker
) -> None:
    """The worker gets what is sent, the caller its result, by whatever connection they had."""
    deliveries = broker.deliveries(Slots(1))
    for number in range(4):
        task_id = str(number)
        waiting = asyncio.ensure_future(broker.result_backend.wait(task_id))
        coming = asyncio.ensure_future(anext(deliveries))
        await asyncio.sleep(0.2)
        pids = await backends(shared_server)
        await shared_server.run(f"SELECT pg_terminate_backend({pids[number % len(pids)]})")

        await kicked(broker, task_id)
        async with asyncio.timeout(20):
            try:
                delivery = await coming
            except PostgresUnreachableError:  # as core does: it listens again
                deliveries = broker.deliveries(Slots(1))
                delivery = await anext(deliveries)
            result = TaskiqResult[str](is_err=False, return_value=task_id, execution_time=0.0)
            await broker.result_backend.set_result(task_id, result)
            await delivery.ack()
            assert (await waiting).return_value == task_id
        assert delivery.task_id == task_id
    await deliveries.aclose()
    assert (await broker.stats()).delivered == 0


async def test_a_hanging_connection_is_given_up(broker: PostgresBroker, proxy: TcpProxy) -> None:
    proxy.stall()
    with pytest.raises(PostgresTimeoutError, match="has not answered for 1 s"):
        await broker.kick(message("hangs"))
    proxy.resume()

    await kicked(broker, "goes on")

    rows = await broker.database.fetch("SELECT task_id FROM {s}.messages ORDER BY id DESC")
    assert rows[0]["task_id"] == "goes on"


async def test_a_fetch_whose_reply_is_lost_counts_no_attempt(
    broker: PostgresBroker, proxy: TcpProxy
) -> None:
    """The server has leased the messages, and nobody got them: they are given back at once."""
    await broker.kick(message("one"))
    fetcher = broker._fetcher()
    await fetcher.fetch_expired()  # connects
    proxy.stall(only_answers=True)
    with pytest.raises(PostgresUnreachableError):
        await fetcher.fetch(10)
    proxy.cut()
    proxy.resume()

    async with asyncio.timeout(20):
        while True:
            try:
                fetched = await fetcher.fetch(10)
            except PostgresUnreachableError:
                continue
            if fetched.deliveries:
                break
            await asyncio.sleep(0.05)

    [delivery] = fetched.deliveries
    assert (delivery.task_id, delivery.attempt, delivery.unsettled) == ("one", 1, 0)


async def test_what_is_wrong_with_the_address_is_said(shared_server: PostgresServer) -> None:
    """And no password is."""
    nobody = "postgresql://user:secret@127.0.0.1:1/app"
    for url, error in [
        (nobody, PostgresUnreachableError),
        (shared_server.url("no_such_database"), PostgresLoginError),
        (shared_server.url(user="no_such_user"), PostgresLoginError),
    ]:
        broker = PostgresBroker(url)
        with pytest.raises(error) as caught:
            await broker.startup()
        assert "secret" not in f"{caught.value}{broker!r}{broker.database!r}"
        await broker.shutdown()
