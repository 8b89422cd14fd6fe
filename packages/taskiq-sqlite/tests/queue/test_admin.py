"""Counts and purges of the queue."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from taskiq_core.messages.queue_stats import QueueStats
from taskiq_core.messages.result import TaskiqResult
from taskiq_sqlite import SQLiteBroker
from taskiq_sqlite.queue import admin
from taskiq_testservers.sqlite_workers import Inbox, message

MakeBroker = Callable[..., SQLiteBroker]
MakeInbox = Callable[..., Inbox]


class TestTheQueue:
    async def test_purge_drops_what_waits(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message("held"))
        held = await inbox.next()
        await inbox.close()
        await broker.kick_many([message(str(n)) for n in range(2_500)])
        await broker.kick(message("delayed", delay=1000))
        expected = QueueStats(waiting=2_500, delivered=1, delayed=1, dead=0)
        assert without_age(await broker.stats()) == expected

        assert await broker.purge() == 2_501

        await held.ack()
        assert await broker.stats() == QueueStats(waiting=0, delivered=0, delayed=0, dead=0)

    async def test_purge_leaves_what_is_sent_meanwhile(self, broker: SQLiteBroker) -> None:
        """Ids of messages that are gone are used again."""
        await broker.kick_many([message(str(n)) for n in range(5)])
        last = await broker.database.read(admin.find_newest, "")
        assert await broker.database.write(admin.purge_some, last) == 5

        await broker.kick_many([message(str(n)) for n in range(3)])

        assert await broker.database.write(admin.purge_some, last) == 0
        assert (await broker.stats()).waiting == 3

    async def test_all_that_expired_is_deleted_however_much(self, make_broker: MakeBroker) -> None:
        broker = make_broker(result_ttl=0.001)
        results = [
            TaskiqResult(is_err=False, return_value=n, execution_time=0.0) for n in range(1_200)
        ]
        await asyncio.gather(
            *(broker.result_backend.set_result(str(n), each) for n, each in enumerate(results))
        )
        await asyncio.sleep(0.01)

        await broker.reclaim()

        assert await broker.database.read(_count_results, None) == 0


def _count_results(transaction: Any, items: Any) -> Any:
    return [transaction.value("SELECT count(*) FROM results") for _ in items]


def without_age(stats: QueueStats) -> QueueStats:
    """The counts alone."""
    return replace(stats, oldest_age=None)
