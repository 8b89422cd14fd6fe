"""Counts and purges of the queue."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_core.messages.result import TaskiqResult
from taskiq_sqlite import SQLiteBroker
from taskiq_sqlite.queue import admin
from taskiq_testservers.sqlite_poison import change
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


class TestCounters:
    """Of queues that are too large to be counted."""

    @pytest.fixture(autouse=True)
    def few_are_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(admin, "MAX_COUNTED", 3)
        monkeypatch.setattr(admin, "TOLERANCE", 0)

    @pytest.mark.parametrize("labels", [{}, {"queue_name": "mails"}])
    async def test_agree_with_what_was_done(
        self, broker: SQLiteBroker, make_inbox: MakeInbox, labels: dict[str, str]
    ) -> None:
        queue = labels.get("queue_name")
        broker.queues = QueueSelection.parse(queue or "default")
        await broker.kick_many([message(str(n), **labels) for n in range(20)])
        await broker.kick_many([message(f"d{n}", delay=1_000, **labels) for n in range(20)])
        got = await make_inbox(broker, slots=5).take(5)
        for delivery in got[:2]:
            await delivery.ack()
        await got[2].bury("no")
        await got[3].release(1_000)
        assert await broker.move_to_now("d0", queue=queue)
        await broker.request_abort("d1")
        await broker.replay_dead_letters(queue=queue)

        stats = await broker.stats(queue=queue)

        assert (stats.waiting, stats.delivered, stats.delayed, stats.dead) == (18, 1, 19, 0)
        assert await broker.purge(queue=queue) == 37
        assert (await broker.stats(queue=queue)).waiting == 0

    async def test_of_a_process_are_written_when_it_ends(
        self, broker: SQLiteBroker, make_broker: MakeBroker
    ) -> None:
        other = make_broker()
        for number in range(6):
            await other.kick(message(str(number)))

        await other.shutdown()

        assert await broker.database.read(admin.find_error, "") is None
        assert (await broker.stats()).waiting == 6

    async def test_are_corrected_when_the_queue_is_small(self, broker: SQLiteBroker) -> None:
        """Older versions and other programs don't keep them."""
        await broker.kick_many([message(str(n)) for n in range(6)])
        change(broker.database.path, "DELETE FROM messages WHERE task_id < '4'")
        assert await broker.database.read(admin.find_error, "") == (2, 0)

        await broker.reclaim()

        assert await broker.database.read(admin.find_error, "") is None
        await broker.kick_many([message(str(n)) for n in range(6)])
        assert (await broker.stats()).waiting == 8
