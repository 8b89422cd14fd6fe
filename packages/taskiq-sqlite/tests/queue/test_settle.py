"""Deliveries are settled once, by the worker that has the lease."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from taskiq_core import Context, Receiver, TaskiqDepends
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_retry import SimpleRetryMiddleware
from taskiq_sqlite import (
    SQLiteBroker,
)
from taskiq_testservers.sqlite_workers import SHORT, Inbox, message, reclaimed

MakeBroker = Callable[..., SQLiteBroker]
MakeInbox = Callable[..., Inbox]


class TestSettling:
    async def test_acknowledged_is_gone(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message())

        await (await inbox.next()).ack()

        assert await broker.stats() == QueueStats(waiting=0, delivered=0, delayed=0, dead=0)

    async def test_many_acknowledged_at_once(
        self, broker: SQLiteBroker, make_inbox: MakeInbox
    ) -> None:
        await broker.kick_many([message(str(n)) for n in range(200)])
        got = await make_inbox(broker, 200).take(200)
        await got[7].ack()

        outcomes = await asyncio.gather(*(each.ack() for each in got), return_exceptions=True)

        assert [index for index, each in enumerate(outcomes) if each is not None] == [7]
        assert isinstance(outcomes[7], LeaseLostError)
        assert (await broker.stats()).delivered == 0

    async def test_released_comes_again(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message())

        await (await inbox.next()).release()

        again = await inbox.next()
        assert (again.attempt, again.unsettled) == (2, 0)

    async def test_failures_are_kept_and_other_releases_are_none(
        self, broker: SQLiteBroker, inbox: Inbox
    ) -> None:
        await broker.kick(message())
        seen = []

        for is_failure in (False, True, False, True):
            delivery = await inbox.next()
            seen.append((delivery.attempt, delivery.failures))
            if is_failure:
                delivery.failures = (delivery.failures or 0) + 1
            await delivery.release()

        last = await inbox.next()
        assert seen == [(1, 0), (2, 0), (3, 1), (4, 1)]
        assert (last.attempt, last.failures) == (5, 2)

    async def test_requeues_use_up_no_retries(self, broker: SQLiteBroker) -> None:
        broker.add_middlewares(SimpleRetryMiddleware())
        retries: list[object] = []

        @broker.task("work", retry_on_error=True)
        async def work(context: Context = TaskiqDepends()) -> str:
            retries.append(context.message.labels.get("_retries"))
            if len(retries) <= 3:
                await context.requeue()
            if len(retries) <= 5:
                raise ConnectionError
            return "done"

        task = await work.kiq()
        await asyncio.wait_for(Receiver(broker, max_tasks_to_execute=6).listen(asyncio.Event()), 20)

        assert retries == [None, None, None, None, 1, 2]
        assert (await task.get_result()).return_value == "done"

    async def test_released_with_delay(
        self, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        broker = make_broker(poll_interval=60.0)
        inbox = make_inbox(broker)
        await broker.kick_many([message(body=b"a"), message(body=b"b")])
        first, second = await inbox.take(2)

        await first.release(0.3)
        await second.release(0.05)

        assert [(await inbox.next()).data, (await inbox.next()).data] == [b"b", b"a"]

    async def test_buried_is_kept(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message("a", b"x"))
        before = time.time()

        await (await inbox.next()).bury("no good", "ValueError: no")

        [letter] = await broker.dead_letters()
        assert (letter.task_id, letter.task_name, letter.message) == ("a", "task", b"x")
        assert (letter.reason, letter.error, letter.attempt) == ("no good", "ValueError: no", 1)
        assert before - 1 <= letter.buried_at.timestamp() <= time.time() + 1
        assert await broker.stats() == QueueStats(waiting=0, delivered=0, delayed=0, dead=1)

    async def test_fences_grow(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick_many([message(str(n)) for n in range(5)])
        got = await inbox.take(5)
        await got[0].release()
        got.append(await inbox.next())

        fences = [delivery.fence or 0 for delivery in got]

        assert fences == sorted(set(fences))


class TestLeases:
    async def test_run_out_and_the_message_comes_again(
        self, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        broker = make_broker(lease=SHORT)
        inbox = make_inbox(broker)
        await broker.kick(message())
        first = await inbox.next()

        assert await reclaimed(broker) == 1

        second = await inbox.next()
        assert (second.attempt, second.unsettled) == (2, 1)
        for call in (first.ack(), first.release(), first.extend(), first.bury("late")):
            with pytest.raises(LeaseLostError):
                await call
        assert (await broker.stats()).delivered == 1

    async def test_renewed_do_not_run_out(
        self, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        broker = make_broker(lease=SHORT)
        inbox = make_inbox(broker)
        await broker.kick_many([message("kept"), message("left")])
        kept, left = await inbox.take(2)
        deadline = time.time() + 4 * SHORT
        patient = SQLiteBroker(broker.database, lease=60)

        await broker.database.write(_renewal, (kept, 60.0))
        await asyncio.sleep(max(deadline - time.time(), 0))

        assert await patient.reclaim() == 1
        assert await patient.renew_leases([kept, left]) == [left]
        await kept.ack()

    async def test_an_idle_listener_gets_what_is_reclaimed(
        self, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        broker = make_broker(lease=SHORT, poll_interval=60.0)
        await broker.kick(message())
        await make_inbox(broker).next()
        waiting = asyncio.create_task(make_inbox(make_broker(poll_interval=60.0)).next())

        await reclaimed(broker)

        assert (await waiting).attempt == 2

    def test_short_ones_are_reclaimed_more_often(self, make_broker: MakeBroker) -> None:
        assert make_broker(lease=2).reclaim_interval == 1.0
        assert make_broker().reclaim_interval == 5.0


def _renewal(transaction: Any, items: Any) -> Any:
    from taskiq_sqlite.queue.settle import RenewRequest, renew

    return renew(transaction, [RenewRequest([each.token], lease) for each, lease in items])
