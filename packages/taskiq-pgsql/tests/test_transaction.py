"""Tasks are sent in the transactions of programs, by the libraries that programs have."""

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from taskiq_core.exceptions import DuplicateKeyError, SendTaskError
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.slots import Slots
from taskiq_pgsql import PostgresBroker
from taskiq_pgsql.errors import TransactionError
from taskiq_testservers.postgres_server import PostgresServer


class Opened:
    """An open transaction of a library, and what its program would do with it."""

    def __init__(self, connection: Any, execute: Any, commit: Any, rollback: Any) -> None:
        self.connection = connection
        self.execute = execute
        self.commit = commit
        self.rollback = rollback


Library = Callable[[PostgresServer], AbstractAsyncContextManager[Opened]]


def awaited(function: Callable[..., Any]) -> Any:
    async def call(*arguments: Any) -> Any:
        return function(*arguments)

    return call


@asynccontextmanager
async def of_asyncpg(server: PostgresServer) -> AsyncIterator[Opened]:
    connection = await asyncpg.connect(server.url())
    transaction = connection.transaction()
    await transaction.start()
    yield Opened(connection, connection.execute, transaction.commit, transaction.rollback)
    await connection.close()


@asynccontextmanager
async def of_an_asyncpg_pool(server: PostgresServer) -> AsyncIterator[Opened]:
    async with (
        asyncpg.create_pool(server.url(), min_size=1) as pool,
        pool.acquire() as connection,
    ):
        transaction = connection.transaction()
        await transaction.start()
        yield Opened(connection, connection.execute, transaction.commit, transaction.rollback)


@asynccontextmanager
async def of_psycopg(server: PostgresServer) -> AsyncIterator[Opened]:
    with psycopg.connect(server.url()) as connection:
        yield Opened(
            connection,
            awaited(connection.execute),
            awaited(connection.commit),
            awaited(connection.rollback),
        )


@asynccontextmanager
async def of_async_psycopg(server: PostgresServer) -> AsyncIterator[Opened]:
    # As many programs have it: rows that are dictionaries.
    row = psycopg.rows.dict_row
    async with await psycopg.AsyncConnection.connect(server.url(), row_factory=row) as connection:
        yield Opened(connection, connection.execute, connection.commit, connection.rollback)


def with_driver(server: PostgresServer, driver: str) -> str:
    return server.url().replace("postgresql://", f"postgresql+{driver}://")


@asynccontextmanager
async def of_a_session(server: PostgresServer) -> AsyncIterator[Opened]:
    engine = sa.create_engine(with_driver(server, "psycopg"))
    with Session(engine) as session:
        yield Opened(
            session,
            awaited(lambda statement: session.execute(sa.text(statement))),
            awaited(session.commit),
            awaited(session.rollback),
        )
    engine.dispose()


@asynccontextmanager
async def of_a_connection(server: PostgresServer) -> AsyncIterator[Opened]:
    engine = sa.create_engine(with_driver(server, "psycopg"))
    with engine.connect() as connection:
        yield Opened(
            connection,
            awaited(lambda statement: connection.execute(sa.text(statement))),
            awaited(connection.commit),
            awaited(connection.rollback),
        )
    engine.dispose()


@asynccontextmanager
async def of_an_async_session(server: PostgresServer) -> AsyncIterator[Opened]:
    engine = create_async_engine(with_driver(server, "asyncpg"))
    async with AsyncSession(engine) as session:
        yield Opened(
            session,
            lambda statement: session.execute(sa.text(statement)),
            session.commit,
            session.rollback,
        )
    await engine.dispose()


@asynccontextmanager
async def of_an_async_connection(server: PostgresServer) -> AsyncIterator[Opened]:
    engine = create_async_engine(with_driver(server, "psycopg"))
    async with engine.connect() as connection:
        yield Opened(
            connection,
            lambda statement: connection.execute(sa.text(statement)),
            connection.commit,
            connection.rollback,
        )
    await engine.dispose()


LIBRARIES: list[Library] = [
    of_asyncpg,
    of_an_asyncpg_pool,
    of_psycopg,
    of_async_psycopg,
    of_a_session,
    of_a_connection,
    of_an_async_session,
    of_an_async_connection,
]


@pytest.fixture(params=LIBRARIES, ids=[each.__name__ for each in LIBRARIES])
def library(request: pytest.FixtureRequest) -> Library:
    found: Library = request.param
    return found


@pytest.fixture
async def broker(url: str) -> AsyncIterator[PostgresBroker]:
    async with PostgresBroker.from_url(url) as broker:
        yield broker


def message(task_id: str, **labels: Any) -> BrokerMessage:
    return BrokerMessage(task_id=task_id, task_name="task", message=b"\x00\xff", labels=labels)


async def waiting(broker: PostgresBroker) -> list[str]:
    rows = await broker.database.fetch("SELECT task_id FROM {s}.messages ORDER BY id")
    return [row["task_id"] for row in rows]


async def test_committed_is_sent_once_and_wakes_a_worker(
    library: Library, shared_server: PostgresServer, broker: PostgresBroker
) -> None:
    deliveries = broker.deliveries(Slots(10))
    coming = asyncio.ensure_future(anext(deliveries))
    async with library(shared_server) as opened:
        async with broker.in_transaction(opened.connection):
            await asyncio.gather(broker.kick(message("one")), broker.kick(message("two")))
            await broker.kick_many([message("three", delay=1000), message("four", priority=3)])
        assert await waiting(broker) == []
        await opened.commit()

    async with asyncio.timeout(4):  # sooner than the next poll
        delivery = await coming
    assert (delivery.task_id, delivery.data) == ("four", b"\x00\xff")
    assert sorted(await waiting(broker)) == ["four", "one", "three", "two"]
    await deliveries.aclose()


async def test_rolled_back_is_never_sent(
    library: Library, shared_server: PostgresServer, broker: PostgresBroker
) -> None:
    async with library(shared_server) as opened:
        async with broker.in_transaction(opened.connection):
            await broker.kick(message("never"))
        await opened.rollback()

    assert await waiting(broker) == []


async def test_a_savepoint_takes_back_what_was_sent_after_it(
    library: Library, shared_server: PostgresServer, broker: PostgresBroker
) -> None:
    async with library(shared_server) as opened:
        async with broker.in_transaction(opened.connection):
            await broker.kick(message("before"))
            await opened.execute("SAVEPOINT here")
            await broker.kick(message("after"))
            await opened.execute("ROLLBACK TO SAVEPOINT here")
        await opened.commit()

    assert await waiting(broker) == ["before"]


async def test_a_duplicate_key_does_not_abort_the_transaction(
    library: Library, shared_server: PostgresServer, broker: PostgresBroker
) -> None:
    await broker.kick(message("first", unique_key="key"))
    async with library(shared_server) as opened:
        async with broker.in_transaction(opened.connection):
            with pytest.raises(DuplicateKeyError) as caught:
                await broker.kick_many([message("other"), message("second", unique_key="key")])
            await broker.kick(message("third", unique_key="another key"))
        await opened.commit()

    assert caught.value.holder == "first"
    assert await waiting(broker) == ["first", "third"]


async def test_others_go_on_beside_an_open_transaction(
    shared_server: PostgresServer, broker: PostgresBroker
) -> None:
    """One that holds a unique key, too: only a send with the same key waits for it."""
    async with of_asyncpg(shared_server) as opened:
        async with broker.in_transaction(opened.connection):
            await broker.kick(message("held", unique_key="key"))
        same = asyncio.ensure_future(broker.kick(message("same", unique_key="key")))
        deliveries = broker.deliveries(Slots(10))
        for number in range(30):
            await broker.kick(message(str(number)))
            async with asyncio.timeout(4):
                delivery = await anext(deliveries)
            assert delivery.task_id == str(number)
            await delivery.ack()
            await asyncio.sleep(0.05)
        await deliveries.aclose()
        assert not same.done()
        await opened.commit()

        with pytest.raises(DuplicateKeyError):
            await same


def test_a_client_that_is_killed_before_the_commit_sent_nothing(
    shared_server: PostgresServer, url: str
) -> None:
    program = textwrap.dedent("""
        import asyncio, os, signal, sys
        import asyncpg
        from taskiq_pgsql import PostgresBroker

        async def main():
            broker = PostgresBroker.from_url(sys.argv[1])

            @broker.task(task_name="task")
            async def task():
                pass

            async with broker:
                connection = await asyncpg.connect(sys.argv[2])
                async with connection.transaction():
                    async with broker.in_transaction(connection):
                        await task.kiq()
                    await task.kiq()
                    os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main())
    """)
    done = subprocess.run(
        [sys.executable, "-c", program, url, shared_server.url()], check=False, env=os.environ
    )

    async def look() -> list[str]:
        async with PostgresBroker.from_url(url) as broker:
            return await waiting(broker)

    assert done.returncode == -9
    assert len(asyncio.run(look())) == 1, "the one that was sent outside"


async def test_a_send_after_the_block_is_refused(
    shared_server: PostgresServer, broker: PostgresBroker
) -> None:
    """A task that was created in the block and not awaited there: its fate would be a guess."""
    async with of_asyncpg(shared_server) as opened:
        gate = asyncio.Event()

        async def late() -> None:
            await gate.wait()
            await broker.kick(message("late"))

        async with broker.in_transaction(opened.connection):
            sending = asyncio.create_task(late())
        gate.set()
        with pytest.raises(SendTaskError, match="block of `in_transaction` has ended"):
            await sending
        await broker.kick(message("outside"))
        await opened.commit()

    assert await waiting(broker) == ["outside"]


async def test_a_connection_without_a_transaction_is_refused(
    shared_server: PostgresServer, broker: PostgresBroker
) -> None:
    connection = await shared_server.connect()
    autocommit = psycopg.connect(shared_server.url(), autocommit=True)
    sqlite = sa.create_engine("sqlite://")
    try:
        for each, reason in [
            (connection, "no transaction open"),
            (autocommit, "no transaction open"),
            (Session(sqlite), "sqlite, not PostgreSQL"),
            (object(), "not a connection or session of"),
        ]:
            with pytest.raises(TransactionError, match=reason):
                async with broker.in_transaction(each):
                    raise AssertionError("it was entered")
    finally:
        sqlite.dispose()
        autocommit.close()
        await connection.close()


DJANGO = """
import sys
import django
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection, transaction
from taskiq_pgsql import PostgresBroker

url, port, host = sys.argv[1:]
settings.configure(DATABASES={"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres",
    "HOST": host, "PORT": port}})
django.setup()
broker = PostgresBroker.from_url(url)

@broker.task(task_name="task")
async def task(word):
    pass

async def send(word):
    async with broker.in_transaction(connection):
        await task.kicker().with_task_id(word).kiq(word)
    await broker.database.close()

async_to_sync(broker.startup)()
with transaction.atomic():
    async_to_sync(send)("committed")
    try:
        with transaction.atomic():
            async_to_sync(send)("savepoint")
            raise KeyError
    except KeyError:
        pass
try:
    with transaction.atomic():
        async_to_sync(send)("rolled back")
        raise KeyError
except KeyError:
    pass
try:
    async_to_sync(send)("without")
except Exception as error:
    print(error.__cause__ or error)
"""


def test_django(shared_server: PostgresServer, url: str) -> None:
    """In `atomic()`, nested or not; without it, sending is refused."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DJANGO, url, str(shared_server.port), "127.0.0.1"],
        check=False,
        capture_output=True,
        text=True,
    )

    async def look() -> list[str]:
        async with PostgresBroker.from_url(url) as broker:
            return await waiting(broker)

    assert done.returncode == 0, done.stderr
    assert "use `with transaction.atomic()`" in done.stdout
    assert asyncio.run(look()) == ["committed"]
