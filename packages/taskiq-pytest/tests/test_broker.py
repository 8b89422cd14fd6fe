"""An application's broker in a test: recorded, run on demand, and as it was afterwards."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import pytest
from pydantic import BaseModel

from taskiq import (
    Context,
    InMemoryBroker,
    SmartRetryMiddleware,
    TaskiqDepends,
    TaskiqEvents,
    TaskiqScheduler,
    TaskiqState,
)
from taskiq.schedule_sources import LabelScheduleSource
from taskiq_core.exceptions import DuplicateKeyError, TaskAbortedError, UnsupportedLabelError
from taskiq_pytest import PendingTaskError, TestBroker, TooManyTasksError
from taskiq_pytest.errors import WorkerInTestError
from taskiq_redis import ListQueueBroker, RedisStreamBroker
from taskiq_scheduler import InMemoryScheduleSource

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


class Order(BaseModel):
    number: int


@pytest.fixture
def broker() -> RedisStreamBroker:
    """A broker of an application; nobody listens at its address."""
    return RedisStreamBroker("redis://127.0.0.1:1").with_middlewares(SmartRetryMiddleware())


@pytest.fixture
def test_broker(broker: RedisStreamBroker) -> Iterator[TestBroker]:
    with TestBroker(broker, start=MONDAY) as test_broker:
        yield test_broker


async def test_sent_tasks_are_recorded_and_not_run(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    ran: list[int] = []

    @broker.task(answer=42)
    async def double(number: int) -> int:
        ran.append(number)
        return 2 * number

    task = await double.kiq(4)

    (sent,) = test_broker.sent
    assert (sent.task_name, sent.task_id) == (double.task_name, task.task_id)
    assert (sent.args, sent.kwargs, sent.labels) == ([4], {}, {"answer": 42})
    assert sent.sent_at == sent.due_at == MONDAY
    assert test_broker.pending == [sent]
    assert ran == []
    with pytest.raises(AssertionError, match="was not run"):
        _ = sent.result


async def test_pending_tasks_run_with_what_they_send(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    @broker.task
    async def count_down(number: int) -> int:
        if number:
            await count_down.kiq(number - 1)
        return number

    await count_down.kiq(2)
    ran = await test_broker.run_pending()

    assert [task.result.return_value for task in ran] == [2, 1, 0]
    assert test_broker.pending == []
    assert await test_broker.run_next() is None


async def test_plain_functions_and_dependencies_run_as_in_a_worker(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    def greeting() -> str:
        return "Hello"

    @broker.task
    def greet(
        name: str,
        greeting: Annotated[str, TaskiqDepends(greeting)] = "",
        context: Annotated[Context, TaskiqDepends()] = TaskiqDepends(),
    ) -> str:
        return f"{greeting}, {name}! ({context.message.task_name})"

    broker.dependency_overrides[greeting] = lambda: "Hi"
    await greet.kiq("Ann")
    (ran,) = await test_broker.run_pending()

    assert ran.result.return_value == f"Hi, Ann! ({greet.task_name})"


async def test_endless_tasks_are_found_out(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    @broker.task
    async def again() -> None:
        await again.kiq()

    await again.kiq()

    with pytest.raises(TooManyTasksError, match=r"5 tasks were run, and '.*again' is waiting"):
        await test_broker.run_pending(limit=5)


async def test_eager_tasks_run_when_they_are_sent(broker: RedisStreamBroker) -> None:
    @broker.task
    async def double(number: int) -> int:
        return 2 * number

    with TestBroker(broker, eager=True) as test_broker:
        task = await double.kiq(4)
        await double.kicker().with_labels(delay=5).kiq(5)

        assert (await task.get_result()).return_value == 8
        assert [each.args for each in test_broker.pending] == [[5]]


# -- checks ---------------------------------------------------------------------------------------


async def test_arguments_are_compared_by_position_or_name(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    @broker.task
    async def ship(order: Order, to: str = "home") -> None: ...

    await ship.kiq(Order(number=1), to="office")

    sent = test_broker.assert_sent_with(ship, order=Order(number=1), to="office")
    assert sent.args == [{"number": 1}]
    with pytest.raises(AssertionError) as caught:
        test_broker.assert_sent_with(ship, Order(number=2))
    assert str(caught.value) == (
        f"{ship.task_name}({{'number': 2}}) was not sent, but:\n"
        f"  {ship.task_name}({{'number': 1}}, to='office')"
    )


async def test_checks_say_what_was_sent(broker: RedisStreamBroker, test_broker: TestBroker) -> None:
    @broker.task(task_name="ship")
    async def ship(order: int) -> None: ...

    @broker.task(task_name="pack")
    async def pack() -> None: ...

    with pytest.raises(AssertionError, match=r"^pack was sent 0 times, not at least once\. Sent"):
        test_broker.assert_sent(pack)
    await ship.kiq(1)
    test_broker.assert_not_sent(pack)
    assert [each.args for each in test_broker.assert_sent(ship, times=1)] == [[1]]
    with pytest.raises(AssertionError) as caught:
        test_broker.assert_sent(ship, times=2)
    assert str(caught.value) == "ship was sent once, not 2 times. Sent were:\n  ship(1)"
    with pytest.raises(AssertionError, match=r"^pack\(\) was not sent\. Sent were:\n  ship\(1\)$"):
        test_broker.assert_sent_with(pack)
    assert test_broker.sent_by(pack) == []


# -- time -----------------------------------------------------------------------------------------


async def test_delayed_tasks_run_in_the_order_of_the_clock(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    ran: list[tuple[int, datetime]] = []

    @broker.task
    async def note(number: int) -> None:
        ran.append((number, test_broker.now))

    for number in (3, 1, 2):
        await note.kicker().with_labels(delay=number * 60).kiq(number)
    await test_broker.advance(timedelta(minutes=2))

    assert ran == [(1, MONDAY + timedelta(minutes=1)), (2, MONDAY + timedelta(minutes=2))]
    assert [each.args for each in test_broker.pending] == [[3]]


async def test_retries_wait_on_the_clock(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    attempts: list[datetime] = []

    @broker.task(retry_on_error=True, max_retries=3, delay=60)
    async def fail() -> None:
        attempts.append(test_broker.now)
        raise ValueError("never")

    await fail.kiq()
    await test_broker.advance(600)

    assert len(attempts) == 3
    assert attempts[2] - attempts[0] >= timedelta(seconds=120)
    (task,) = test_broker.dead
    assert task.attempts == 3
    assert isinstance(task.result.error, ValueError)


async def test_schedules_fire_when_the_clock_passes_them(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    @broker.task(schedule=[{"cron": "0 3 * * *"}])
    async def report() -> None: ...

    scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])
    await test_broker.advance(timedelta(days=3), scheduler=scheduler)
    await test_broker.advance(timedelta(days=4), scheduler=scheduler)

    sent = test_broker.assert_sent(report, times=7)
    assert sent[0].sent_at == MONDAY + timedelta(hours=3)
    assert sent[6].sent_at == MONDAY + timedelta(days=6, hours=3)


async def test_schedules_that_tasks_add_are_followed(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    source = InMemoryScheduleSource()

    @broker.task
    async def later() -> None: ...

    @broker.task
    async def plan() -> None:
        await later.schedule_by_time(source, test_broker.now + timedelta(hours=1))

    await plan.kicker().with_labels(delay=60).kiq()
    await test_broker.advance(timedelta(hours=2), scheduler=TaskiqScheduler(broker, [source]))

    (sent,) = test_broker.assert_sent(later, times=1)
    assert sent.sent_at == MONDAY + timedelta(hours=1, minutes=1)


async def test_a_start_without_time_zone_is_refused(broker: RedisStreamBroker) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        TestBroker(broker, start=datetime(2026, 3, 2))  # noqa: DTZ001  # what is refused


# -- waiting for results --------------------------------------------------------------------------


async def test_waiting_for_a_result_runs_the_task(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    @broker.task
    async def double(number: int) -> int:
        return 2 * number

    @broker.task
    async def quadruple(number: int) -> int:
        half = await (await double.kiq(number)).wait_result()
        return 2 * int(half.return_value)

    task = await quadruple.kiq(4)

    assert (await task.wait_result(timeout=5)).return_value == 16
    assert [each.attempts for each in test_broker.sent] == [1, 1]


async def test_waiting_for_what_can_not_come_is_an_error(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    @broker.task
    async def work() -> None: ...

    delayed = await work.kicker().with_labels(delay=60).kiq()

    with pytest.raises(PendingTaskError, match="it is due at 2026-03-02 00:01:00"):
        await delayed.wait_result()
    await test_broker.advance(60)
    assert not (await delayed.wait_result()).is_err


# -- labels ---------------------------------------------------------------------------------------


async def test_what_the_broker_refuses_is_refused() -> None:
    broker = ListQueueBroker("redis://127.0.0.1:1")
    broker.capabilities = frozenset()

    @broker.task
    async def work() -> None: ...

    with TestBroker(broker), pytest.raises(UnsupportedLabelError):
        await work.kicker().with_labels(priority=3).kiq()


async def test_priorities_expiry_and_unique_keys_are_honoured(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    @broker.task
    async def work(name: str) -> str:
        return name

    await work.kiq("plain")
    await work.kicker().with_labels(priority=5).kiq("first")
    await work.kicker().with_labels(delay=60, expires=30).kiq("late")
    holder = await work.kicker().with_labels(unique_key="k", delay=60).kiq("only")
    with pytest.raises(DuplicateKeyError, match=holder.task_id):
        await work.kicker().with_labels(unique_key="k").kiq("other")
    ran = await test_broker.advance(60)

    values = [each.result.return_value for each in ran]
    assert values[:2] == ["first", "plain"]
    assert test_broker.dead == [test_broker.sent[2]]
    await work.kicker().with_labels(unique_key="k").kiq("another")


async def test_aborted_tasks_do_not_start(
    broker: RedisStreamBroker, test_broker: TestBroker
) -> None:
    @broker.task
    async def work() -> None: ...

    task = await work.kicker().with_labels(delay=3600).kiq()
    await task.abort()
    (ran,) = await test_broker.run_pending()

    assert isinstance(ran.result.error, TaskAbortedError)


# -- the broker -----------------------------------------------------------------------------------


async def test_the_broker_is_afterwards_what_it_was(broker: RedisStreamBroker) -> None:
    @broker.task
    async def work() -> None: ...

    before = dict(vars(broker))
    async with TestBroker(broker):
        await work.kiq()
        await broker.startup()

    assert dict(vars(broker)) == before


async def test_a_test_that_fails_leaves_the_broker_as_it_was(broker: RedisStreamBroker) -> None:
    before = dict(vars(broker))

    with pytest.raises(ZeroDivisionError), TestBroker(broker):
        raise ZeroDivisionError

    assert dict(vars(broker)) == before


async def test_events_of_clients_and_workers_fire(broker: RedisStreamBroker) -> None:
    fired: list[str] = []

    def note(name: str) -> None:
        def handler(_: TaskiqState) -> None:
            fired.append(name)

        broker.add_event_handler(TaskiqEvents(name), handler)

    for event in TaskiqEvents:
        note(event.value)
    async with TestBroker(broker):
        started = set(fired)

    assert started == {TaskiqEvents.CLIENT_STARTUP.value, TaskiqEvents.WORKER_STARTUP.value}
    assert set(fired) - started == {
        TaskiqEvents.CLIENT_SHUTDOWN.value,
        TaskiqEvents.WORKER_SHUTDOWN.value,
    }


async def test_a_handler_that_fails_leaves_the_broker_as_it_was(
    broker: RedisStreamBroker,
) -> None:
    async def fail(_: TaskiqState) -> None:
        raise OSError("no database")

    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, fail)
    before = dict(vars(broker))

    with pytest.raises(OSError, match="no database"):
        async with TestBroker(broker):
            raise AssertionError("not reached")

    assert dict(vars(broker)) == before


async def test_a_worker_gets_nothing(broker: RedisStreamBroker, test_broker: TestBroker) -> None:
    with pytest.raises(WorkerInTestError, match="run_pending"):
        broker.listen()
    assert test_broker.pending == []


@pytest.fixture
async def started() -> AsyncIterator[TestBroker]:
    """Tasks of a broker that runs in memory are not run by it, either."""
    async with TestBroker(InMemoryBroker()) as test_broker:
        yield test_broker


async def test_an_in_memory_broker_waits_for_the_test(started: TestBroker) -> None:
    ran = asyncio.Event()

    @started.broker.task
    async def work() -> None:
        ran.set()

    await work.kiq()
    await asyncio.sleep(0)
    assert not ran.is_set()
    await started.run_pending()
    assert ran.is_set()
