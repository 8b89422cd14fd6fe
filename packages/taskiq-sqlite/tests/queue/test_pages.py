"""Pages of messages: in order, by key, filtered, and at a cost that does not grow."""

import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.messages.message_info import MessageFilter, MessageInfo, MessageState
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_sqlite import SQLiteBroker
from taskiq_sqlite.queue import pages
from taskiq_sqlite.queue.states import DEFAULT
from taskiq_sqlite.storage.schema import migrate
from taskiq_testservers.sqlite_poison import change, plant
from taskiq_testservers.sqlite_workers import Inbox, message

MakeBroker = Callable[..., SQLiteBroker]
MakeInbox = Callable[..., Inbox]
QUEUES = [None, "mails"]


async def all_of(
    broker: SQLiteBroker, state: MessageState, limit: int = 2, **options: Any
) -> list[MessageInfo]:
    found: list[MessageInfo] = []
    after: str | None = None
    while True:
        page = await broker.messages(state, after=after, limit=limit, **options)
        assert len(page.messages) <= limit
        found += page.messages
        after = page.after
        if after is None:
            return found


def ids(messages: list[MessageInfo]) -> list[str]:
    return [each.task_id for each in messages]


def labels_of(queue: str | None) -> dict[str, str]:
    return {} if queue is None else {"queue_name": queue}


@pytest.mark.parametrize("queue", QUEUES)
async def test_waiting_ones_come_in_the_order_of_delivery(
    broker: SQLiteBroker, queue: str | None
) -> None:
    for number, priority in enumerate([0, 5, -1, 5, 0, 5]):
        await broker.kick(message(str(number), priority=priority, **labels_of(queue)))
    await broker.request_abort("2")
    await broker.kick(message("elsewhere", queue_name="other"))

    found = await all_of(broker, MessageState.WAITING, queue=queue)

    assert ids(found) == ["2", "1", "3", "5", "0", "4"]
    assert {each.queue for each in found} == {queue or "default"}
    first = found[1]
    assert (first.priority, first.size, first.attempt, first.state) == (5, 4, 0, "waiting")
    assert first.sent_at is not None
    assert abs((datetime.now(UTC) - first.sent_at).total_seconds()) < 60
    assert (first.body, first.owner, first.due_at) == (None, None, None)


@pytest.mark.parametrize("queue", QUEUES)
async def test_delayed_ones_come_by_when_they_are_due(
    broker: SQLiteBroker, queue: str | None
) -> None:
    for delay in (300, 100, 200):
        await broker.kick(message(str(delay), delay=delay, **labels_of(queue)))

    found = await all_of(broker, MessageState.DELAYED, queue=queue)

    assert ids(found) == ["100", "200", "300"]
    assert all(each.due_at is not None for each in found)
    assert await broker.move_to_now("200", queue=queue)
    assert not await broker.move_to_now("200", queue=queue)
    assert not await broker.move_to_now("100", queue="other")
    assert ids(await all_of(broker, MessageState.WAITING, queue=queue)) == ["200"]
    stats = await broker.stats(queue=queue)
    assert (stats.waiting, stats.delayed) == (1, 2)


@pytest.mark.parametrize("queue", QUEUES)
async def test_delivered_and_dead_ones_come_oldest_first(
    make_broker: MakeBroker, make_inbox: MakeInbox, queue: str | None
) -> None:
    broker = make_broker()
    broker.worker_id = "w1"
    if queue is not None:
        broker.queues = QueueSelection.parse(queue)
    await broker.kick_many(
        [message(str(n), unique_key=f"k{n}", **labels_of(queue)) for n in range(6)]
    )
    inbox = make_inbox(broker, slots=6)
    got = await inbox.take(6)
    for delivery in got[:3]:
        await delivery.bury("no good", "ValueError: no")

    delivered = await all_of(broker, MessageState.DELIVERED, queue=queue)
    dead = await all_of(broker, MessageState.DEAD, queue=queue, with_body=True)

    assert ids(delivered) == ["3", "4", "5"]
    assert {each.owner for each in delivered} == {"w1"}
    assert all(each.lease_until is not None and each.attempt == 1 for each in delivered)
    assert ids(dead) == ["0", "1", "2"]
    assert (dead[0].reason, dead[0].error, dead[0].body) == ("no good", "ValueError: no", b"body")
    assert (dead[0].unique_key, dead[0].sent_at is not None) == ("k0", True)


async def test_pages_shift_nothing_while_messages_come_and_go(
    broker: SQLiteBroker, inbox: Inbox
) -> None:
    await broker.kick_many([message(str(n)) for n in range(6)])
    first = await broker.messages(MessageState.WAITING, limit=3)
    await (await inbox.next()).ack()
    await inbox.close()
    await broker.kick(message("urgent", priority=9))

    second = await broker.messages(MessageState.WAITING, limit=3, after=first.after)

    assert ids([*first.messages, *second.messages]) == list("012345")
    assert second.after is None


async def test_filters(broker: SQLiteBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "LOOK_THROUGH", 5)
    await broker.kick_many([message(str(n)) for n in range(12)])
    await broker.kick(message("key", unique_key="k"))
    change(
        broker.database.path, "UPDATE messages SET task_name = 'rare' WHERE task_id IN ('3', '9')"
    )

    by_name = MessageFilter(task_name="rare")
    first = await broker.messages(MessageState.WAITING, where=by_name)
    found = await all_of(broker, MessageState.WAITING, where=by_name)
    by_id = await broker.messages(MessageState.WAITING, where=MessageFilter(task_id="7"))
    by_key = await broker.messages(MessageState.WAITING, where=MessageFilter(unique_key="k"))
    no_match = MessageFilter(task_id="7", task_name="rare")

    assert (ids([*first.messages]), first.after is None) == (["3"], False)
    assert ids(found) == ["3", "9"]
    assert ids([*by_id.messages]) == ["7"]
    assert ids([*by_key.messages]) == ["key"]
    assert not (await broker.messages(MessageState.WAITING, where=no_match)).messages
    assert not (await broker.messages(MessageState.DELAYED, where=by_name)).messages
    assert not (
        await broker.messages(MessageState.DEAD, where=MessageFilter(unique_key="k"))
    ).messages


@pytest.mark.parametrize("after", ["", "x", "[1]", "[1, 2, 3, null]", '["a", 1, 1, 1]', "{}"])
async def test_keys_that_are_not_ours_are_refused(broker: SQLiteBroker, after: str) -> None:
    with pytest.raises(ValueError, match="is not the key of a page of waiting messages"):
        await broker.messages(MessageState.WAITING, after=after)


async def test_rows_that_can_not_be_read_do_not_fail_the_page(
    broker: SQLiteBroker, path: Path
) -> None:
    await broker.startup()
    await broker.kick(message("good"))
    for columns in (
        {"task_id": b"\xff\x00"},
        {"task_name": "CAST(x'ff28' AS TEXT)"},
        {"priority": b"\xff"},
        {"due": "soon"},
        {"attempt": "many"},
        {"sent_at": "CAST(x'ff28' AS TEXT)"},
    ):
        plant(path, **columns)

    found = await all_of(broker, MessageState.WAITING)

    assert "good" in ids(found)
    assert len(found) == 5


@pytest.mark.parametrize("queue", [DEFAULT, "mails"])
@pytest.mark.parametrize("state", MessageState)
@pytest.mark.parametrize(
    "where", [MessageFilter(), MessageFilter(task_id="a"), MessageFilter(unique_key="k")], ids=str
)
def test_pages_are_found_by_an_index(queue: str, state: MessageState, where: MessageFilter) -> None:
    """Only what workers hold at the moment, or what a filter by key found, is sorted."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "memory")
    for after in (None, "[0, 0, 0.0, 0]"):
        request = pages.PageRequest(state, queue, "name", where, after, 10, with_body=False)
        for statement in pages.statements(request):
            names = set(re.findall(r":(\w+)", statement))
            plan = [
                row[3]
                for row in connection.execute(
                    f"EXPLAIN QUERY PLAN {statement}", dict.fromkeys(names, 1)
                )
            ]
            assert not any("SCAN" in step for step in plan), plan
            if where == MessageFilter() and state is not MessageState.DELIVERED:
                assert not any("TEMP B-TREE" in step for step in plan), plan
    connection.close()
