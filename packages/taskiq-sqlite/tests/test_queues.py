"""Several queues in one file: chosen by a label, fetched by weight or strictly in order, paused."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.exceptions import DuplicateKeyError, SendTaskError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_sqlite import SQLiteBroker
from taskiq_testservers.sqlite_workers import PATIENCE, Inbox, SpawnWorker, message

MakeBroker = Callable[..., SQLiteBroker]
MakeInbox = Callable[..., Inbox]


def listening_to(broker: SQLiteBroker, text: str, *, is_strict: bool = False) -> SQLiteBroker:
    broker.queues = QueueSelection.parse(text, is_strict=is_strict)
    return broker


async def send(broker: SQLiteBroker, counts: Mapping[str, int], **labels: Any) -> None:
    for queue, count in counts.items():
        await broker.kick_many(
            [
                message(f"{queue}-{n}", queue.encode(), queue_name=queue, **labels)
                for n in range(count)
            ]
        )


async def totals(broker: SQLiteBroker, queue: str | None = None) -> tuple[Any, ...]:
    stats = await broker.stats(queue=queue)
    return (stats.waiting, stats.delivered, stats.delayed, stats.dead)


class TestLabel:
    async def test_a_worker_gets_the_messages_of_its_queues_only(
        self, broker: SQLiteBroker, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        await send(broker, {"mails": 2, "reports": 1, "default": 1})
        await broker.kick(message("unlabelled"))
        mails = make_inbox(listening_to(make_broker(), "mails"))
        others = make_inbox(make_broker())

        got = {each.task_id for each in await mails.take(2)}
        rest = {each.task_id for each in await others.take(2)}

        assert got == {"mails-0", "mails-1"}
        assert rest == {"default-0", "unlabelled"}
        assert await totals(broker) == (0, 2, 0, 0)
        assert await totals(broker, "mails") == (0, 2, 0, 0)
        assert await totals(broker, "reports") == (1, 0, 0, 0)
        assert await broker.queue_names() == ["default", "mails", "reports"]

    async def test_names_are_checked(self, broker: SQLiteBroker) -> None:
        with pytest.raises(SendTaskError, match="its label 'queue_name' is ''"):
            await broker.kick(message(queue_name=""))

    async def test_all_that_a_queue_does_it_does_in_each(
        self, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        """Priority, delay, release, expiry, unique keys, aborts, dead letters."""
        broker = listening_to(make_broker(poll_interval=60.0), "mails")
        inbox = make_inbox(broker, slots=20)
        for task_id, labels in (
            ("low", {}),
            ("high", {"priority": 5}),
            ("delayed", {"delay": 0.05}),
            ("late", {"expires": 0}),
            ("unique", {"unique_key": "k"}),
        ):
            await broker.kick(message(task_id, queue_name="mails", **labels))
        with pytest.raises(DuplicateKeyError):
            await broker.kick(message("again", unique_key="k"))
        assert await broker.request_abort("unique") is AbortState.QUEUED

        got = await inbox.take(5)

        assert [each.task_id for each in got] == ["unique", "high", "low", "late", "delayed"]
        unique, high, low, late, delayed = got
        assert (unique.aborted, late.expired) == (True, True)
        assert await broker.request_abort("high") is AbortState.RUNNING
        await unique.ack()
        await low.release(0.05)
        assert await totals(broker, "mails") == (0, 3, 1, 0)
        again = await inbox.next()
        assert (again.task_id, again.attempt) == ("low", 2)
        for each in (late, delayed):
            await each.bury("no good")
        await again.release()
        await high.ack()
        await inbox.close()
        assert await totals(broker, "mails") == (1, 0, 0, 2)
        assert await broker.dead_letters() == []
        assert await broker.replay_dead_letters() == 0
        letters = await broker.dead_letters(queue="mails")
        assert [each.task_id for each in letters] == ["late", "delayed"]
        assert await broker.replay_dead_letters([letters[0].letter_id], queue="mails") == 1
        assert await broker.purge_dead_letters(queue="mails") == 1
        assert await broker.purge() == 0
        assert await broker.purge(queue="mails") == 2
        assert await totals(broker, "mails") == (0, 0, 0, 0)

    async def test_leases_run_out_in_each(
        self, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        broker = listening_to(make_broker(lease=0.05), "mails")
        await send(broker, {"mails": 1})
        inbox = make_inbox(broker)
        await inbox.next()

        async with asyncio.timeout(PATIENCE):
            while not await broker.reclaim():  # noqa: ASYNC110  # as a worker's timer does
                await asyncio.sleep(0.01)

        again = await inbox.next()
        assert (again.task_id, again.attempt, again.unsettled) == ("mails-0", 2, 1)


class TestOrder:
    async def test_by_weight_each_queue_gets_its_share(
        self, broker: SQLiteBroker, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        await send(broker, {"mails": 40, "reports": 40, "default": 40})
        inbox = make_inbox(listening_to(make_broker(), "mails=3,reports=1,default"), slots=1)

        got: Counter[bytes] = Counter()
        for _ in range(50):
            delivery = await inbox.next()
            got[delivery.data] += 1
            await delivery.ack()
            inbox.slots.release()

        assert got == {b"mails": 30, b"reports": 10, b"default": 10}

    async def test_strictly_in_order(
        self, broker: SQLiteBroker, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        await send(broker, {"reports": 3, "mails": 3})
        worker = listening_to(make_broker(), "mails,reports", is_strict=True)
        inbox = make_inbox(worker, slots=1)

        got: list[bytes] = []
        for _ in range(6):
            delivery = await inbox.next()
            got.append(delivery.data)
            await delivery.ack()
            inbox.slots.release()

        assert got == [b"mails"] * 3 + [b"reports"] * 3

    async def test_slots_are_filled_from_all_queues_in_one_fetch(
        self, broker: SQLiteBroker, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        await send(broker, {"mails": 3, "reports": 30})
        inbox = make_inbox(listening_to(make_broker(), "mails,reports"), slots=10)

        await inbox.next()

        assert await totals(broker, "mails") == (0, 3, 0, 0)
        assert await totals(broker, "reports") == (23, 7, 0, 0)

    async def test_a_waiting_worker_is_woken_by_each_of_its_queues(
        self, broker: SQLiteBroker, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        inbox = make_inbox(listening_to(make_broker(poll_interval=60.0), "mails,reports"))
        for queue in ("mails", "reports"):
            waiting = asyncio.create_task(inbox.next())
            await asyncio.sleep(0.01)

            await send(broker, {queue: 1})

            assert (await waiting).data == queue.encode()


class TestPause:
    @pytest.mark.parametrize("queue", [None, "mails"])
    async def test_nothing_is_handed_out_until_it_goes_on(
        self, make_broker: MakeBroker, make_inbox: MakeInbox, queue: str | None
    ) -> None:
        broker = make_broker(poll_interval=60.0)
        if queue is not None:
            listening_to(broker, queue)
        labels = {} if queue is None else {"queue_name": queue}
        inbox = make_inbox(broker, slots=4)
        await broker.kick(message("held", **labels))
        held = await inbox.next()
        await broker.pause(queue=queue)
        await broker.pause(queue=queue)

        await broker.kick(message("a", **labels))
        await broker.kick(message("b", delay=0.01, **labels))
        waiting = asyncio.create_task(inbox.next())
        await asyncio.sleep(0.1)

        assert not waiting.done()
        assert await broker.is_paused(queue=queue)
        stats = await broker.stats(queue=queue)
        assert (stats.is_paused, stats.waiting, stats.delivered) == (True, 2, 1)
        await held.ack()
        other = make_broker()  # as after a restart
        await other.resume(queue=queue)
        assert (await waiting).task_id == "a"
        assert (await inbox.next()).task_id == "b"
        assert not await broker.is_paused(queue=queue)

    async def test_other_queues_go_on(
        self, broker: SQLiteBroker, make_broker: MakeBroker, make_inbox: MakeInbox
    ) -> None:
        await send(broker, {"mails": 1, "reports": 1})
        await broker.pause(queue="mails")
        inbox = make_inbox(listening_to(make_broker(), "mails,reports"))

        assert (await inbox.next()).data == b"reports"

    async def test_expired_messages_are_refused_all_the_same(self, broker: SQLiteBroker) -> None:
        await broker.pause()
        await broker.kick(message("late", expires=0))

        [late] = await broker.expire_queued()

        assert late.expired


class TestWorkersOfOlderVersions:
    async def test_see_only_the_default_queue(self, broker: SQLiteBroker, path: Path) -> None:
        """What the statements of version 4 do in a file of version 5."""
        await send(broker, {"mails": 2, "default": 2})
        await broker.kick(message("delayed", queue_name="mails", delay=-1))
        old = sqlite3.connect(path)

        with old:
            old.execute("UPDATE messages SET state = 0 WHERE state = 1 AND due <= 9e9")
            picked = old.execute("SELECT task_id FROM messages WHERE state = 0").fetchall()
            old.execute(
                "UPDATE messages SET state = 2, fence = id, lease_until = 0 WHERE state = 0"
            )
            old.execute(
                "UPDATE messages SET state = 0, fence = NULL WHERE state = 2 AND lease_until <= 1"
            )
            old.execute(
                "INSERT INTO messages (task_id, task_name, state, priority, due, sent_at, body)"
                " VALUES ('old', 't', 1, 0, 9e9, 1.0, x'00')"
            )
            old.execute("DELETE FROM messages WHERE task_id = 'default-0'")
        old.close()

        assert picked == [("default-0",), ("default-1",)]
        assert await totals(broker) == (1, 0, 1, 0)
        assert await totals(broker, "mails") == (3, 0, 0, 0)


async def test_a_worker_process_runs_two_queues(
    broker: SQLiteBroker, spawn_worker: SpawnWorker
) -> None:
    async def double(value: int) -> int: ...

    task: Any = broker.register_task(double, "double")
    spawn_worker(QUEUES="mails=2,reports")

    sent = [
        await task.kicker().with_labels(queue_name=queue).kiq(number)
        for queue in ("mails", "reports")
        for number in range(20)
    ]
    results = [await each.wait_result(timeout=PATIENCE) for each in sent]

    assert [result.return_value for result in results] == [2 * n for n in range(20)] * 2
