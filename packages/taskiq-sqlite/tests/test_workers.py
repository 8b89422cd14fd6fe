"""Records of workers, and what dead workers held."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.message_info import MessageState
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.worker_record import RunningTask, WorkerRecord
from taskiq_core.worker_report import WorkerState
from taskiq_sqlite import SQLiteBroker
from taskiq_testservers.sqlite_poison import change
from taskiq_testservers.sqlite_workers import PATIENCE, Inbox, message

MakeBroker = Callable[..., SQLiteBroker]
MakeInbox = Callable[..., Inbox]
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def record(worker_id: str, **fields: object) -> WorkerRecord:
    values: dict[str, object] = {
        "worker_id": worker_id,
        "host": "h",
        "pid": 1,
        "state": WorkerState.RUNNING,
        "started_at": NOW,
        "seen_at": NOW,
        "running": [RunningTask(task_id="i", task_name="t", attempt=1, started_at=NOW)],
    }
    made = WorkerRecord.model_validate(values | fields)
    return WorkerRecord.model_validate_json(made.model_dump_json())  # lists, where tuples were


async def test_records_are_seen_by_other_objects_until_they_end(
    make_broker: MakeBroker,
) -> None:
    one, other = make_broker(), make_broker()
    await one.announce(record("b"), ttl=1_000)
    await one.announce(record("a", tasks_done=1), ttl=1_000)
    await one.announce(record("a", tasks_done=2), ttl=1_000)
    await one.announce(record("short"), ttl=0.01)
    await asyncio.sleep(0.02)

    assert await other.workers() == [record("a", tasks_done=2), record("b")]
    await other.withdraw("a")
    await other.withdraw("a")
    assert await one.workers() == [record("b")]


async def test_records_that_can_not_be_read_are_left_out(
    broker: SQLiteBroker, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await broker.announce(record("good"), ttl=1_000)
    change(
        path, "INSERT INTO workers VALUES ('bad', 9e9, CAST(x'ff28' AS TEXT)), ('no', 9e9, '{}')"
    )

    assert await broker.workers() == [record("good")]
    assert caplog.text.count("can't be read") == 2


@pytest.mark.parametrize("queue", ["default", "mails"])
async def test_what_a_dead_worker_held_is_given_back_at_once(
    make_broker: MakeBroker, make_inbox: MakeInbox, queue: str
) -> None:
    dead, alive = make_broker(), make_broker()
    for broker, worker_id in ((dead, "dead"), (alive, "alive")):
        broker.worker_id = worker_id
        broker.queues = QueueSelection.parse(queue)
    await alive.kick_many([message(str(n), queue_name=queue) for n in range(4)])
    lost = await make_inbox(dead, slots=3).next()
    kept = await make_inbox(alive, slots=1).next()
    waiting = asyncio.create_task(make_inbox(alive, slots=9).next())
    await asyncio.sleep(0.01)

    assert await alive.reclaim(owner="nobody") == 0
    assert await alive.reclaim(owner="dead") == 3

    again = await asyncio.wait_for(waiting, PATIENCE)
    assert (again.attempt, again.unsettled) == (2, 1)
    with pytest.raises(LeaseLostError):
        await lost.ack()
    await kept.ack()
    page = await alive.messages(MessageState.DELIVERED, queue=queue)
    assert {each.owner for each in page.messages} == {"alive"}


async def test_a_message_that_was_released_has_no_owner(
    make_broker: MakeBroker, make_inbox: MakeInbox
) -> None:
    first, second = make_broker(), make_broker()
    first.worker_id = "first"
    await first.kick(message())
    await (await make_inbox(first).next()).release()
    await make_inbox(second).next()

    assert await first.reclaim(owner="first") == 0
