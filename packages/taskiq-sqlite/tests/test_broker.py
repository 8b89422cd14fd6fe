"""What a broker promises, over a real file."""

import asyncio
import gc
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from taskiq_core.exceptions import LeaseLostError, SendTaskError, TaskExpiredError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.queue_stats import QueueStats
from taskiq_core.messages.result import TaskiqResult
from taskiq_sqlite import (
    Database,
    DuplicateKeyError,
    MessageTooLargeError,
    SQLiteBroker,
    inspecting,
)
from taskiq_sqlite.deliveries import SQLiteDelivery
from taskiq_testservers.sqlite_workers import PATIENCE, Inbox, message

MakeBroker = Callable[..., SQLiteBroker]
MakeInbox = Callable[..., Inbox]

SHORT = 0.05
"""A lease for tests in which it has to run out."""


async def reclaimed(broker: SQLiteBroker) -> int:
    """Reclaim as soon as there is something."""
    async with asyncio.timeout(PATIENCE):
        while not (count := await broker.reclaim()):  # noqa: ASYNC110  # as a worker's timer does
            await asyncio.sleep(SHORT / 5)
    return count


class TestSending:
    async def test_what_is_sent_is_delivered(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message("a", b"\x00\xff" + "\u00fc".encode()))

        delivery = await inbox.next()

        assert delivery.data == b"\x00\xff" + "\u00fc".encode()
        assert (delivery.attempt, delivery.unsettled, delivery.aborted) == (1, 0, False)
        assert delivery.lease == broker.lease

    @pytest.mark.parametrize("size", [0, 1, 1_000_000])
    async def test_sizes(self, broker: SQLiteBroker, inbox: Inbox, size: int) -> None:
        await broker.kick(message(body=b"x" * size))

        assert len((await inbox.next()).data) == size

    async def test_a_message_that_is_too_large_is_refused(self, make_broker: MakeBroker) -> None:
        broker = make_broker(max_message_size=10)

        with pytest.raises(MessageTooLargeError) as caught:
            await broker.kick(message(body=b"x" * 11))

        assert (caught.value.size, caught.value.limit) == (11, 10)

    async def test_many_at_once(self, broker: SQLiteBroker, make_inbox: MakeInbox) -> None:
        await broker.kick_many([])
        await broker.kick_many([message(str(n), str(n).encode()) for n in range(300)])

        got = await make_inbox(broker, 300).take(300)

        assert [delivery.data for delivery in got] == [str(n).encode() for n in range(300)]

    async def test_a_waiting_listener_is_woken(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        waiting = asyncio.create_task(inbox.next())
        await broker.stats()  # the listener's fetch went first

        await broker.kick(message())

        assert (await waiting).data == b"body"

    async def test_works_without_startup_and_after_shutdown(self, broker: SQLiteBroker) -> None:
        await broker.kick(message("a"))
        await broker.shutdown()
        await broker.kick(message("b"))

        assert (await broker.stats()).waiting == 2

    async def test_startup_and_shutdown_twice(self, broker: SQLiteBroker) -> None:
        for _ in range(2):
            await broker.startup()
            await broker.startup()
            await broker.kick(message())
            await broker.shutdown()
            await broker.shutdown()

        assert (await broker.stats()).waiting == 2

    @pytest.mark.parametrize(
        "labels",
        [
            {"delay": "soon"},
            {"delay": float("nan")},
            {"expires": 1e12},
            {"priority": "high"},
            {"priority": 2**40},
            {"priority": float("inf")},
        ],
    )
    async def test_labels_that_make_no_sense_are_refused(
        self, broker: SQLiteBroker, labels: dict[str, Any]
    ) -> None:
        with pytest.raises(SendTaskError, match=f"its label '{next(iter(labels))}' is"):
            await broker.kick(message(**labels))

        assert (await broker.stats()).waiting == 0


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
    from taskiq_sqlite.settling import Renewal, renew

    return renew(transaction, [Renewal([each.hold], lease) for each, lease in items])


class TestAborts:
    async def test_of_unknown_tasks(self, broker: SQLiteBroker) -> None:
        assert await broker.request_abort("nobody") is AbortState.UNKNOWN

    @pytest.mark.parametrize("delay", [0, 1000])
    async def test_queued_ones_are_delivered_first_and_say_so(
        self, broker: SQLiteBroker, inbox: Inbox, delay: float
    ) -> None:
        await broker.kick(message("other", priority=9))
        await broker.kick(message("a", delay=delay))

        assert await broker.request_abort("a") is AbortState.QUEUED

        delivery = await inbox.next()
        assert isinstance(delivery, SQLiteDelivery)
        assert (delivery.task_id, delivery.aborted) == ("a", True)
        assert not (await inbox.next()).aborted

    async def test_workers_are_told_of_running_ones(
        self, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        broker, other = make_broker(poll_interval=60.0), make_broker()
        await broker.kick(message("a"))
        await make_inbox(broker).next()
        async with aclosing(broker.aborts()) as aborts:
            told = asyncio.ensure_future(anext(aborts))
            await broker.stats()

            assert await other.request_abort("a") is AbortState.RUNNING

            assert await asyncio.wait_for(told, PATIENCE) == "a"
        async with aclosing(broker.aborts()) as aborts:  # opened again: told again
            assert await asyncio.wait_for(anext(aborts), PATIENCE) == "a"

    async def test_the_mark_survives_a_release(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message("a"))
        delivery = await inbox.next()
        await broker.request_abort("a")

        await delivery.release(1000)

        assert (await inbox.next()).aborted


class TestExpiry:
    async def test_callers_are_told_and_the_message_is_buried(
        self, broker: SQLiteBroker, inbox: Inbox
    ) -> None:
        await broker.kick(message("late", b"l", expires=0))
        await broker.kick(message("good", b"g", expires=1000))

        assert (await inbox.next()).data == b"g"

        result = await asyncio.wait_for(broker.result_backend.wait("late"), PATIENCE)
        assert isinstance(result.error, TaskExpiredError)
        await broker._undertaker.finish()
        [letter] = await broker.dead_letters()
        assert (letter.task_id, letter.reason, letter.attempt) == ("late", "expired", 0)

    async def test_delayed_ones_expire_in_time(
        self, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        broker = make_broker(poll_interval=60.0)
        waiting = asyncio.create_task(make_inbox(broker).next())
        await broker.kick(message("late", delay=1000, expires=0.05))

        result = await asyncio.wait_for(broker.result_backend.wait("late"), PATIENCE)

        assert result.is_err
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async def test_reclaim_finds_them_where_nobody_fetches(self, broker: SQLiteBroker) -> None:
        await broker.kick(message("late", expires=0))

        await broker.reclaim()

        assert (await asyncio.wait_for(broker.result_backend.wait("late"), PATIENCE)).is_err

    async def test_while_the_result_store_is_down_it_is_tried_again(
        self, make_broker: MakeBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broker = make_broker(lease=SHORT)
        await broker.kick(message("late", expires=0))

        async def fails(*args: object) -> None:
            raise OSError("down")

        with monkeypatch.context() as patch:
            patch.setattr(broker.result_backend, "set_result", fails)
            await broker.reclaim()
            await broker._undertaker.finish()
            assert (await broker.stats()).dead == 0
        await reclaimed(broker)

        await broker._undertaker.finish()
        assert await broker.result_backend.is_result_ready("late")
        assert (await broker.stats()).dead == 1

    async def test_aborted_ones_are_delivered_as_aborted(
        self, broker: SQLiteBroker, inbox: Inbox
    ) -> None:
        await broker.kick(message("a", expires=0))
        await broker.request_abort("a")

        assert (await inbox.next()).aborted


class TestUniqueKeys:
    async def test_a_second_one_is_refused_until_the_first_has_ended(
        self, broker: SQLiteBroker, inbox: Inbox
    ) -> None:
        await broker.kick(message("a", unique_key="k"))
        with pytest.raises(DuplicateKeyError) as caught:
            await broker.kick(message("b", unique_key="k"))
        assert caught.value.holder == "a"
        delivery = await inbox.next()
        with pytest.raises(DuplicateKeyError):
            await broker.kick(message("b", unique_key="k"))

        await delivery.ack()

        await broker.kick(message("b", unique_key="k"))

    async def test_of_many_all_or_none_are_sent(self, broker: SQLiteBroker) -> None:
        many = [message("a"), message("b", unique_key="k"), message("c", unique_key="k")]
        with pytest.raises(DuplicateKeyError) as caught:
            await broker.kick_many(many)
        assert caught.value.holder == "b"
        assert (await broker.stats()).waiting == 0

    async def test_those_of_one_transaction_see_each_other(self, broker: SQLiteBroker) -> None:
        outcomes = await asyncio.gather(
            *(broker.kick(message(str(n), unique_key=str(n % 2))) for n in range(6)),
            return_exceptions=True,
        )

        assert [each is None for each in outcomes] == [True, True] + [False] * 4
        assert (await broker.stats()).waiting == 2

    async def test_dead_letters_do_not_hold_a_key(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message("a", unique_key="k"))
        await (await inbox.next()).bury("no")
        await broker.kick(message("b", unique_key="k"))

        assert await broker.replay_dead_letters() == 0

        assert (await broker.stats()).dead == 1
        await (await inbox.next()).ack()
        assert await broker.replay_dead_letters() == 1


class TestDeadLetters:
    async def bury(self, broker: SQLiteBroker, inbox: Inbox, count: int) -> None:
        await broker.kick_many([message(str(n), str(n).encode()) for n in range(count)])
        for delivery in await inbox.take(count):
            await delivery.bury("no")
            inbox.slots.release()

    async def test_are_listed_in_pages(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await self.bury(broker, inbox, 5)

        first = await broker.dead_letters(limit=3)
        rest = await broker.dead_letters(limit=3, offset=3)

        assert [letter.task_id for letter in [*first, *rest]] == list("01234")

    async def test_are_replayed_as_new_messages(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message("a", b"x", priority=3, expires=1000))
        delivery = await inbox.next()
        from taskiq_core.messages.result import TaskiqResult

        result: TaskiqResult[None] = TaskiqResult(
            is_err=True, return_value=None, execution_time=0, error=ValueError()
        )
        await broker.result_backend.set_result("a", result)
        await delivery.bury("no")

        assert await broker.replay_dead_letters() == 1

        assert not await broker.result_backend.is_result_ready("a")
        again = await inbox.next()
        assert (again.data, again.attempt, again.unsettled) == (b"x", 1, 0)
        assert (await broker.stats()).dead == 0

    async def test_some_are_replayed_or_purged(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await self.bury(broker, inbox, 4)
        ids = [letter.letter_id for letter in await broker.dead_letters()]

        assert await broker.replay_dead_letters([ids[1], "nonsense", "99"]) == 1
        assert await broker.purge_dead_letters([ids[0], ids[1]]) == 1

        assert [letter.letter_id for letter in await broker.dead_letters()] == ids[2:]
        assert await broker.purge_dead_letters() == 2


class TestTheQueue:
    async def test_purge_drops_what_waits(self, broker: SQLiteBroker, inbox: Inbox) -> None:
        await broker.kick(message("held"))
        held = await inbox.next()
        await inbox.close()
        await broker.kick_many([message(str(n)) for n in range(2_500)])
        await broker.kick(message("delayed", delay=1000))
        expected = QueueStats(waiting=2_500, delivered=1, delayed=1, dead=0)
        assert await broker.stats() == expected

        assert await broker.purge() == 2_501

        await held.ack()
        assert await broker.stats() == QueueStats(waiting=0, delivered=0, delayed=0, dead=0)

    async def test_purge_leaves_what_is_sent_meanwhile(self, broker: SQLiteBroker) -> None:
        """Ids of messages that are gone are used again."""
        await broker.kick_many([message(str(n)) for n in range(5)])
        last = await broker.database.read(inspecting.newest, None)
        assert await broker.database.write(inspecting.purge, last) == 5

        await broker.kick_many([message(str(n)) for n in range(3)])

        assert await broker.database.write(inspecting.purge, last) == 0
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


class TestFairness:
    async def test_no_more_is_fetched_than_there_are_slots(
        self, broker: SQLiteBroker, make_inbox: MakeInbox
    ) -> None:
        await broker.kick_many([message(str(n)) for n in range(50)])

        await make_inbox(broker, slots=7).next()

        assert await broker.stats() == QueueStats(waiting=43, delivered=7, delayed=0, dead=0)

    async def test_what_was_not_yielded_is_given_back(
        self, broker: SQLiteBroker, make_inbox: MakeInbox
    ) -> None:
        await broker.kick_many([message(str(n)) for n in range(5)])
        inbox = make_inbox(broker, slots=5)
        await inbox.next()

        await inbox.close()

        assert await broker.stats() == QueueStats(waiting=4, delivered=1, delayed=0, dead=0)
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


def _count_results(transaction: Any, items: Any) -> Any:
    return [transaction.value("SELECT count(*) FROM results") for _ in items]
