"""Messages are leased in order, to as many slots as are free; no fetch loses any."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from taskiq_core.exceptions import LeaseLostError, TaskExpiredError
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_core.receiver import Receiver
from taskiq_sqlite import SQLiteBroker
from taskiq_testservers.sqlite_workers import PATIENCE, SHORT, Inbox, message, reclaimed

MakeBroker = Callable[..., SQLiteBroker]
MakeInbox = Callable[..., Inbox]


class TestOrder:
    async def test_by_priority_then_by_time(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        for number, priority in enumerate([0, 5, -1, 5, 0]):
            await broker.kick(message(body=str(number).encode(), priority=str(priority)))

        got = await inbox.take(5)

        assert [delivery.data for delivery in got] == [b"1", b"3", b"0", b"4", b"2"]

    async def test_delays_are_kept_and_come_by_themselves(
        self, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        broker = make_broker(poll_interval=60.0)
        inbox = make_inbox(broker)
        start = time.time()
        await broker.kick(message(body=b"later", delay=0.3))
        await broker.kick(message(body=b"sooner", delay=0.1))
        assert (await broker.stats()).delayed == 2

        got = [(await inbox.next()).data, (await inbox.next()).data]

        assert got == [b"sooner", b"later"]
        assert time.time() - start >= 0.3

    async def test_a_shorter_delay_overtakes_while_one_sleeps(
        self, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        broker = make_broker(poll_interval=60.0)
        inbox = make_inbox(broker)
        await broker.kick(message(body=b"later", delay=50))
        waiting = asyncio.create_task(inbox.next())
        await broker.stats()

        await broker.kick(message(body=b"sooner", delay=0.05))

        assert (await waiting).data == b"sooner"


class TestFairness:
    async def test_no_more_is_fetched_than_there_are_slots(
        self, broker: SQLiteBroker, make_inbox: MakeInbox
    ) -> None:
        await broker.kick_many([message(str(n)) for n in range(50)])

        await make_inbox(broker, slots=7).next()

        assert without_age(await broker.stats()) == QueueStats(
            waiting=43, delivered=7, delayed=0, dead=0
        )

    async def test_what_was_not_yielded_is_given_back(
        self, broker: SQLiteBroker, make_inbox: MakeInbox
    ) -> None:
        await broker.kick_many([message(str(n)) for n in range(5)])
        inbox = make_inbox(broker, slots=5)
        await inbox.next()

        await inbox.close()

        assert without_age(await broker.stats()) == QueueStats(
            waiting=4, delivered=1, delayed=0, dead=0
        )
        assert (await make_inbox(broker).next()).attempt == 1

    async def test_large_messages_are_fetched_a_few_at_a_time(
        self, broker: SQLiteBroker, inbox: Inbox
    ) -> None:
        await broker.kick_many([message(str(n), b"x" * 12_000_000) for n in range(4)])

        await inbox.next()

        assert (await broker.stats()).delivered == 2

    async def test_listen_holds_one(self, broker: SQLiteBroker) -> None:
        await broker.kick_many([message(str(n)) for n in range(3)])

        async with aclosing(broker.listen()) as messages:
            await anext(messages)

            assert (await broker.stats()).delivered == 1


class TestExpiry:
    async def test_expired_messages_are_delivered_last_and_not_counted(
        self, broker: SQLiteBroker, inbox: Inbox
    ) -> None:
        await broker.kick(message("late", b"l", expires=0))
        await broker.kick(message("good", b"g", expires=1000))

        good, late = await inbox.take(2)

        assert (good.data, good.expired, good.attempt) == (b"g", False, 1)
        assert (late.data, late.expired, late.attempt) == (b"l", True, 0)
        await late.bury("expired")
        [letter] = await broker.dead_letters()
        assert (letter.task_id, letter.reason, letter.attempt) == ("late", "expired", 0)

    async def test_expired_messages_take_no_slot_that_another_needs(
        self, broker: SQLiteBroker, make_inbox: MakeInbox
    ) -> None:
        await broker.kick_many([message(f"late-{n}", expires=0) for n in range(3)])
        await broker.kick(message("good"))

        first = await make_inbox(broker, slots=1).next()

        assert (first.task_id, first.expired) == ("good", False)

    async def test_delayed_ones_expire_in_time(
        self, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        broker = make_broker(poll_interval=60.0)
        waiting = asyncio.create_task(make_inbox(broker).next())
        await broker.kick(message("late", delay=1000, expires=0.05))

        assert (await waiting).expired

    async def test_are_found_where_no_worker_fetches(self, broker: SQLiteBroker) -> None:
        await broker.kick(message("late", expires=0))
        await broker.kick(message("good"))

        [late] = await broker.expire_queued()

        assert (late.task_id, late.expired, late.lease) == ("late", True, broker.lease)
        assert await broker.expire_queued() == []
        assert (await broker.stats()).waiting == 1

    async def test_are_found_again_if_their_worker_dies(self, make_broker: MakeBroker) -> None:
        broker = make_broker(lease=SHORT)
        await broker.kick(message("late", expires=0))
        [first] = await broker.expire_queued()

        await reclaimed(broker)

        [again] = await broker.expire_queued()
        assert (again.task_id, again.unsettled) == ("late", 1)
        with pytest.raises(LeaseLostError):
            await first.bury("expired")

    async def test_given_back_unstarted_they_are_not_counted(
        self, broker: SQLiteBroker, make_inbox: MakeInbox
    ) -> None:
        await broker.kick_many([message("good"), message("late", expires=0)])
        inbox = make_inbox(broker, slots=4)
        await inbox.next()

        await inbox.close()

        [late] = await broker.expire_queued()
        assert (late.attempt, late.unsettled) == (0, 0)

    async def test_a_worker_refuses_them_and_their_callers_get_an_error(
        self, make_broker: MakeBroker
    ) -> None:
        """Through the one path in which a worker settles."""
        client, worker = make_broker(), make_broker()
        task: Any = client.register_task(_never, "never")
        worker.register_task(_never, "never")
        worker.is_worker_process = True
        sent = await task.kicker().with_labels(expires=0).kiq()
        finish = asyncio.Event()
        listening = asyncio.create_task(Receiver(worker).listen(finish))

        result = await sent.wait_result(timeout=PATIENCE)

        assert isinstance(result.error, TaskExpiredError)
        finish.set()
        await listening
        [letter] = await client.dead_letters()
        assert (letter.task_id, letter.reason, letter.attempt) == (sent.task_id, "expired", 0)

    async def test_aborted_ones_are_delivered_as_aborted(
        self, broker: SQLiteBroker, inbox: Inbox
    ) -> None:
        await broker.kick(message("a", expires=0))
        await broker.request_abort("a")

        assert (await inbox.next()).aborted


class TestCancellation:
    @pytest.mark.parametrize("steps", range(6))
    async def test_of_a_fetch_loses_nothing(
        self, broker: SQLiteBroker, make_inbox: MakeInbox, steps: int
    ) -> None:
        await broker.kick_many([message(str(n)) for n in range(3)])
        inbox = make_inbox(broker)
        fetching = asyncio.create_task(inbox.next())
        for _ in range(steps):
            await asyncio.sleep(0)

        fetching.cancel()
        await asyncio.wait({fetching})
        await inbox.close()

        async with asyncio.timeout(PATIENCE):
            while (await broker.stats()).waiting + (not fetching.cancelled()) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0)
        if fetching.cancelled():
            got = await make_inbox(broker).take(3)
            assert [delivery.attempt for delivery in got] == [1, 1, 1]

    @pytest.mark.parametrize("steps", range(4))
    async def test_of_settling_leaves_it_settled_or_not(
        self, broker: SQLiteBroker, inbox: Inbox, steps: int
    ) -> None:
        await broker.kick(message())
        acking = asyncio.create_task((await inbox.next()).ack())
        for _ in range(steps):
            await asyncio.sleep(0)

        acking.cancel()
        await asyncio.wait({acking})

        stats = await broker.stats()
        assert stats.delivered in (0, 1)
        assert stats.waiting == 0


async def _never() -> None:
    raise AssertionError("an expired task ran")


def without_age(stats: QueueStats) -> QueueStats:
    """The counts alone."""
    return replace(stats, oldest_age=None)
