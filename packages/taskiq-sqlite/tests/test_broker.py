"""The broker as an object: its options, and the event loops that use it."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from taskiq_sqlite import (
    Database,
    SQLiteBroker,
)
from taskiq_testservers.sqlite_workers import PATIENCE, Inbox, message

MakeBroker = Callable[..., SQLiteBroker]
MakeInbox = Callable[..., Inbox]


class TestEventLoops:
    def test_one_after_another_may_use_a_broker(self, broker: SQLiteBroker) -> None:
        async def send(task_id: str) -> None:
            await broker.kick(message(task_id))

        async def receive() -> list[bytes]:
            inbox = Inbox(broker, 10)
            got = await inbox.take(2)
            await inbox.close()
            return [delivery.data for delivery in got]

        asyncio.run(send("a"))
        asyncio.run(send("b"))

        assert asyncio.run(receive()) == [b"body", b"body"]

    async def test_a_database_that_nobody_closes_ends_its_thread(self, path: Any) -> None:
        import threading

        broker = SQLiteBroker(path)
        await broker.kick(message())
        [thread] = [each for each in threading.enumerate() if each.name == "taskiq-sqlite"]

        del broker
        gc.collect()

        await asyncio.to_thread(thread.join, PATIENCE)
        assert not thread.is_alive()


def test_options_out_of_range_are_refused(path: Any) -> None:
    for options in (
        {"lease": 0},
        {"poll_interval": 0},
        {"result_ttl": 0},
        {"max_message_size": 0},
        {"max_message_size": 2**40},
        {"busy_timeout": -1},
        {"synchronous": "off"},
    ):
        with pytest.raises(ValueError, match=next(iter(options))):
            SQLiteBroker(path, **options)
    with pytest.raises(ValueError, match="busy_timeout: the Database that is shared"):
        SQLiteBroker(Database(path), busy_timeout=1)
