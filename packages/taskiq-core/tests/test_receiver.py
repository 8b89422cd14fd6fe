"""What becomes of a delivery: every row of the outcome table, each settled exactly once."""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncGenerator, Callable, Generator
from json import JSONDecodeError
from typing import Any

import pytest

from taskiq_core import (
    AcknowledgeType,
    Context,
    Receiver,
    TaskiqDepends,
    TaskiqMessage,
    TaskiqMiddleware,
    TaskiqResult,
)
from taskiq_core.exceptions import (
    ListenError,
    MaxDeliveriesError,
    NoResultError,
    ResultSerializationError,
    TaskRejectedError,
    TaskRetryError,
    TaskUnregisteredError,
    UnreadableMessageError,
)
from taskiq_core.flow import consume
from taskiq_core.messages.exception_records import UnknownRemoteError
from taskiq_core.messages.labels import BURY

Delivered = Callable[..., Any]


def is_stand_in(error: BaseException | None, cls: type[BaseException]) -> bool:
    """Whether this stands for an exception that would end the program that raises it."""
    return isinstance(error, UnknownRemoteError) and type(error).__name__ == cls.__name__


# -- it ran ------------------------------------------------------------------------------------


async def test_result_of_a_task_is_stored_and_its_delivery_acknowledged(
    broker: Any, delivered: Delivered
) -> None:
    @broker.task
    async def add(first: int, second: int) -> int:
        return first + second

    task = await add.kiq(1, second=2)
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert broker.results[task.task_id].return_value == 3
    assert delivery.settled == [("ack", None)]


async def test_exception_of_a_task_is_its_result(broker: Any, delivered: Delivered) -> None:
    @broker.task
    def fail() -> None:
        raise LookupError("no such thing")

    task = await fail.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    result = broker.results[task.task_id]
    assert result.is_err
    assert repr(result.error) == "LookupError('no such thing')"
    assert delivery.settled == [("ack", None)]


async def test_sys_exit_in_a_task_ends_the_task_and_not_the_worker(
    broker: Any, delivered: Delivered
) -> None:
    @broker.task
    async def leave() -> None:
        raise SystemExit(3)

    task = await leave.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert is_stand_in(broker.results[task.task_id].error, SystemExit)
    assert delivery.settled == [("ack", None)]


async def test_cancelled_error_of_the_task_itself_is_its_result(
    broker: Any, delivered: Delivered
) -> None:
    @broker.task
    async def awaits_something_cancelled() -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    task = await awaits_something_cancelled.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert is_stand_in(broker.results[task.task_id].error, asyncio.CancelledError)
    assert delivery.settled == [("ack", None)]


# -- the result store --------------------------------------------------------------------------


async def test_delivery_is_acknowledged_only_when_its_result_is_stored(
    broker: Any, results: Any, delivered: Delivered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskiq_core.flow.store.backoff_delay", lambda *_, **__: 0)
    results.failures = [ConnectionError("down"), ConnectionError("still down")]

    @broker.task
    async def answer() -> int:
        return 42

    task = await answer.kiq()
    delivery = delivered(broker)
    seen: list[Any] = []
    store = results.set_result

    async def watched(task_id: str, result: TaskiqResult[Any]) -> None:
        seen.append(list(delivery.settled))
        await store(task_id, result)

    monkeypatch.setattr(results, "set_result", watched)

    await Receiver(broker).handle(delivery)

    assert seen == [[], [], []]
    assert broker.results[task.task_id].return_value == 42
    assert delivery.settled == [("ack", None)]


@pytest.mark.parametrize(
    "failure",
    [ssl.SSLCertVerificationError("certificate has expired"), JSONDecodeError("no", "<html>", 0)],
    ids=["certificate", "answer of a proxy"],
)
async def test_a_store_that_fails_with_a_value_error_costs_no_result(
    broker: Any,
    results: Any,
    delivered: Delivered,
    monkeypatch: pytest.MonkeyPatch,
    failure: ValueError,
) -> None:
    """It is about the connection, and no word about the value."""
    monkeypatch.setattr("taskiq_core.flow.store.backoff_delay", lambda *_, **__: 0)
    results.failures = [failure]

    @broker.task
    async def answer() -> int:
        return 42

    task = await answer.kiq()

    await Receiver(broker).handle(delivered(broker))

    assert broker.results[task.task_id].return_value == 42


async def test_value_that_cannot_be_serialized_becomes_an_error_result(
    broker: Any, results: Any, delivered: Delivered
) -> None:
    results.failures = [TypeError("Object of type object is not JSON serializable")]

    @broker.task(task_name="make")
    async def make() -> object:
        return object()

    task = await make.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    error = broker.results[task.task_id].error
    assert isinstance(error, ResultSerializationError)
    assert str(error) == (
        f"Task 'make' ({task.task_id}) ran, but its return value of type object can't be "
        "serialized (Object of type object is not JSON serializable). "
        "Use plain data, pydantic models or dataclasses."
    )
    assert delivery.settled == [("ack", None)]


async def test_labels_that_cannot_be_serialized_are_left_out(
    broker: Any, results: Any, delivered: Delivered
) -> None:
    """A middleware of the worker put them there; trying again would never end."""
    problem = TypeError("Object of type set is not JSON serializable")
    results.failures = [problem, problem]

    class Labels(TaskiqMiddleware):
        def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
            result.labels["seen"] = {1}

    broker.add_middlewares(Labels())

    @broker.task(task_name="make")
    async def make() -> int:
        return 1

    task = await make.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    stored = broker.results[task.task_id]
    assert "error, log or labels can't be serialized" in str(stored.error)
    assert (stored.return_value, stored.labels, stored.log) == (None, {}, None)
    assert delivery.settled == [("ack", None)]


async def test_shutdown_while_the_store_is_down_releases_the_delivery(
    broker: Any, results: Any, delivered: Delivered
) -> None:
    tried = asyncio.Event()

    class DownError(ConnectionError):
        def __init__(self) -> None:
            tried.set()

    async def fail(*_: Any) -> None:
        raise DownError

    results.set_result = fail

    @broker.task
    async def answer() -> int:
        return 42

    await answer.kiq()
    delivery = delivered(broker)
    handling = asyncio.create_task(Receiver(broker).handle(delivery))
    await tried.wait()

    handling.cancel()

    with pytest.raises(asyncio.CancelledError):
        await handling
    assert delivery.settled == [("release", 0.0)]


# -- the task decides --------------------------------------------------------------------------


async def test_retry_releases_the_same_delivery_after_its_delay(
    broker: Any, delivered: Delivered
) -> None:
    @broker.task
    async def later() -> None:
        raise TaskRetryError(delay=7.5)

    await later.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert delivery.settled == [("release", 7.5)]
    assert broker.results == {}


async def test_retry_on_a_broker_without_release_sends_again_and_counts(ack_only: Any) -> None:
    attempts: list[int] = []
    done = asyncio.Event()

    @ack_only.task
    async def third_time_lucky(context: Context = TaskiqDepends()) -> str:
        attempts.append(context.attempt)
        if context.attempt < 3:
            await context.requeue()
        done.set()
        return "done"

    task = await third_time_lucky.kiq()
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(ack_only).listen(finish))
    await done.wait()
    finish.set()
    await listening

    assert attempts == [1, 2, 3]
    assert ack_only.results[task.task_id].return_value == "done"
    assert ack_only.acked == 3
    assert {message.task_id for message in ack_only.sent} == {task.task_id}


async def test_message_that_waits_to_be_sent_again_is_sent_before_the_worker_leaves(
    ack_only: Any,
) -> None:
    started = asyncio.Event()

    @ack_only.task
    async def tomorrow() -> None:
        started.set()
        raise TaskRetryError(delay=86_400)

    await tomorrow.kiq()
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(ack_only).listen(finish))
    await started.wait()
    finish.set()
    await listening

    assert len(ack_only.sent) == 2
    assert ack_only.acked == 1


async def test_a_retry_after_an_early_acknowledgement_keeps_nobody_waiting(broker: Any) -> None:
    """It holds no slot until its time, and is sent before the worker leaves."""
    started, other = asyncio.Event(), asyncio.Event()

    @broker.task(ack_type="when_received")
    async def tomorrow() -> None:
        started.set()
        raise TaskRetryError(delay=86_400)

    @broker.task
    async def now() -> None:
        other.set()

    await tomorrow.kiq()
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(broker, max_async_tasks=1).listen(finish))
    await started.wait()
    await now.kiq()
    await other.wait()
    finish.set()
    await listening

    assert [message.task_name for message in broker.sent] == [
        tomorrow.task_name,
        now.task_name,
        tomorrow.task_name,
    ]


async def test_no_result_error_stores_nothing(broker: Any, delivered: Delivered) -> None:
    @broker.task
    async def silent() -> None:
        raise NoResultError

    await silent.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert broker.results == {}
    assert delivery.settled == [("ack", None)]


@pytest.mark.parametrize("ack_type", ["when_saved", "when_executed"])
async def test_rejected_message_is_buried_and_its_caller_told(
    broker: Any, delivered: Delivered, ack_type: str
) -> None:
    @broker.task(ack_type=ack_type)
    async def refuse(context: Context = TaskiqDepends()) -> None:
        context.reject()

    task = await refuse.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert isinstance(broker.results[task.task_id].error, TaskRejectedError)
    assert delivery.settled == [("bury", "rejected by the task")]


# -- it can't run ------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\x00\xff", b"{}", b'{"task_id": 1}', b"[" * 100_000])
async def test_unreadable_bytes_are_buried(broker: Any, data: bytes, delivered: Delivered) -> None:
    @broker.task
    async def any_task() -> None: ...

    await any_task.kiq()
    delivery = delivered(broker)
    delivery.data = data

    await Receiver(broker).handle(delivery)

    ((how, reason),) = delivery.settled
    assert how == "bury"
    assert reason.startswith("unreadable: ")


@pytest.mark.parametrize("beside", [True, False])
async def test_caller_of_what_can_not_be_read_is_told(
    broker: Any, delivered: Delivered, beside: bool
) -> None:
    """By the id that the store has beside the bytes, or else by that in the bytes."""

    @broker.task
    async def any_task() -> None: ...

    task = await any_task.kiq()
    delivery = delivered(broker)
    if beside:
        delivery.data, delivery.task_id = b"\xff", task.task_id
    else:
        delivery.data = json.dumps({"task_id": task.task_id, "args": 5}).encode()

    await Receiver(broker).handle(delivery)

    result = broker.results[task.task_id]
    assert isinstance(result.error, UnreadableMessageError)
    assert result.is_err


async def test_what_its_broker_can_not_read_is_buried(broker: Any, delivered: Delivered) -> None:
    """Although its bytes could be read: the broker's record of it is out of order."""

    @broker.task
    async def any_task() -> None: ...

    task = await any_task.kiq()
    delivery = delivered(broker)
    delivery.unreadable = "its count of deliveries is '0 garbage'"

    await Receiver(broker).handle(delivery)

    assert delivery.settled == [("bury", "unreadable: its count of deliveries is '0 garbage'")]
    assert isinstance(broker.results[task.task_id].error, UnreadableMessageError)


async def test_unreadable_bytes_of_a_broker_without_dead_letters_are_logged_and_acknowledged(
    ack_only: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await Receiver(ack_only).callback(ack_only.make(b"not json"))

    assert ack_only.acked == 1
    assert "AckOnlyBroker has no dead letters, this message is dropped" in caplog.text
    assert "b'not json'" in caplog.text


async def test_unknown_task_is_given_back_for_a_while(broker: Any, delivered: Delivered) -> None:
    @broker.task
    async def new_one() -> None: ...

    await new_one.kiq()
    broker.local_task_registry.clear()
    delays = []
    for attempt in range(1, 7):
        delivery = delivered(broker, attempt=attempt)
        await Receiver(broker).handle(delivery)
        ((how, delay),) = delivery.settled
        assert how == "release"
        delays.append(delay)

    assert all(0.5 <= delay <= 20 for delay in delays)
    assert sum(delays) >= 20
    assert broker.results == {}


async def test_unknown_task_is_buried_at_last_and_its_caller_told(
    broker: Any, delivered: Delivered
) -> None:
    @broker.task
    async def renamed() -> None: ...

    task = await renamed.kiq()
    broker.local_task_registry.clear()
    delivery = delivered(broker, attempt=7)

    await Receiver(broker).handle(delivery)

    assert delivery.settled == [("bury", "unregistered")]
    assert isinstance(broker.results[task.task_id].error, TaskUnregisteredError)


async def test_task_that_kills_its_workers_is_buried_and_its_caller_told(
    broker: Any, delivered: Delivered
) -> None:
    @broker.task
    async def killer() -> None:
        raise AssertionError("it must not run again")

    task = await killer.kiq()
    delivery = delivered(broker, attempt=6, unsettled=5)

    await Receiver(broker).handle(delivery)

    assert delivery.settled == [("bury", "delivered 5 times without being settled")]
    assert isinstance(broker.results[task.task_id].error, MaxDeliveriesError)


async def test_released_deliveries_do_not_count_as_unsettled(
    broker: Any, delivered: Delivered
) -> None:
    @broker.task
    async def patient(context: Context = TaskiqDepends()) -> int:
        return context.attempt

    task = await patient.kiq()

    await Receiver(broker).handle(delivered(broker, attempt=50, unsettled=0))

    assert broker.results[task.task_id].return_value == 50


# -- middlewares and dependencies --------------------------------------------------------------


class Failing(TaskiqMiddleware):
    def __init__(self, hook: str) -> None:
        super().__init__()
        setattr(self, hook, self._fail)

    def _fail(self, *_: Any) -> Any:
        raise OSError("the middleware is broken")


@pytest.mark.parametrize("hook", ["pre_execute", "post_execute"])
async def test_failing_middleware_makes_its_task_fail(
    broker: Any, delivered: Delivered, hook: str
) -> None:
    broker.add_middlewares(Failing(hook))

    @broker.task
    async def fine() -> int:
        return 1

    task = await fine.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert repr(broker.results[task.task_id].error) == "OSError('the middleware is broken')"
    assert delivery.settled == [("ack", None)]


async def test_middleware_that_fails_after_saving_changes_nothing(
    broker: Any, delivered: Delivered
) -> None:
    broker.add_middlewares(Failing("post_save"))

    @broker.task
    async def fine() -> int:
        return 1

    task = await fine.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert broker.results[task.task_id].return_value == 1
    assert delivery.settled == [("ack", None)]


async def test_middleware_asks_for_a_retry(broker: Any, delivered: Delivered) -> None:
    class Retry(TaskiqMiddleware):
        async def on_error(
            self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
        ) -> None:
            result.error = TaskRetryError(delay=2)

    broker.add_middlewares(Retry())

    @broker.task
    async def fail() -> None:
        raise ValueError

    await fail.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert delivery.settled == [("release", 2)]


async def test_failing_dependency_is_the_result(broker: Any, delivered: Delivered) -> None:
    def connection() -> str:
        raise ConnectionError("no database")

    @broker.task
    async def query(database: str = TaskiqDepends(connection)) -> str:
        return database

    task = await query.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert repr(broker.results[task.task_id].error) == "ConnectionError('no database')"
    assert delivery.settled == [("ack", None)]


async def test_teardown_sees_the_exception_of_the_task_but_no_control_flow(
    broker: Any, delivered: Delivered
) -> None:
    seen: list[BaseException | None] = []

    async def resource() -> AsyncGenerator[str, None]:
        try:
            yield "open"
        except BaseException as error:
            seen.append(error)
            raise
        else:
            seen.append(None)

    @broker.task
    async def use(kind: str, opened: str = TaskiqDepends(resource)) -> str:
        if kind == "error":
            raise ValueError(kind)
        if kind == "retry":
            raise TaskRetryError
        return opened

    receiver = Receiver(broker)
    for kind in ("fine", "error", "retry"):
        await use.kiq(kind)
        await receiver.handle(delivered(broker))

    assert [type(error) for error in seen] == [type(None), ValueError, type(None)]


async def test_two_tasks_at_once_share_no_dependency_context(
    broker: Any, delivered: Delivered
) -> None:
    both = asyncio.Barrier(2)

    async def who(context: Context = TaskiqDepends()) -> str:
        await both.wait()
        return context.message.task_id

    @broker.task
    async def me(name: str = TaskiqDepends(who)) -> str:
        await both.wait()
        return name

    receiver = Receiver(broker)
    deliveries = []
    for _ in range(2):
        await me.kiq()
        deliveries.append(delivered(broker))

    await asyncio.gather(*(receiver.handle(delivery) for delivery in deliveries))

    assert all(result.return_value == task_id for task_id, result in broker.results.items())
    assert len(broker.results) == 2


async def test_overridden_dependency(broker: Any, delivered: Delivered) -> None:
    def real() -> Generator[str, None, None]:
        yield "real"

    @broker.task
    async def use(value: str = TaskiqDepends(real)) -> str:
        return value

    broker.dependency_overrides = {real: lambda: "fake"}
    task = await use.kiq()

    await Receiver(broker).handle(delivered(broker))

    assert broker.results[task.task_id].return_value == "fake"


# -- when it is acknowledged -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ack_type", "expected"),
    [
        (AcknowledgeType.WHEN_RECEIVED, ["acked", "ran", "saved"]),
        (AcknowledgeType.WHEN_EXECUTED, ["ran", "acked", "saved"]),
        (AcknowledgeType.WHEN_SAVED, ["ran", "saved", "acked"]),
    ],
)
async def test_acknowledgement_types(
    broker: Any, results: Any, delivered: Delivered, ack_type: AcknowledgeType, expected: list[str]
) -> None:
    order: list[str] = []

    @broker.task
    async def work() -> None:
        order.append("ran")

    async def save(*_: Any) -> None:
        order.append("saved")

    results.set_result = save
    await work.kiq()
    delivery = delivered(broker)
    settle = delivery._settle
    delivery._settle = lambda how, what: (order.append("acked"), settle(how, what))

    await Receiver(broker, ack_type=ack_type).handle(delivery)

    assert order == expected
    assert delivery.settled == [("ack", None)]


async def test_manual_acknowledgement_by_the_task(broker: Any, delivered: Delivered) -> None:
    @broker.task(ack_type="manual")
    async def work(context: Context = TaskiqDepends()) -> bool:
        await context.ack()
        await context.ack()
        return context.is_acked

    task = await work.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert broker.results[task.task_id].return_value is True
    assert delivery.settled == [("ack", None)]


async def test_forgotten_manual_acknowledgement_brings_the_message_back_but_not_for_ever(
    broker: Any, delivered: Delivered
) -> None:
    @broker.task(ack_type="manual")
    async def forgetful() -> None: ...

    await forgetful.kiq()
    first, last = delivered(broker), delivered(broker, attempt=5)

    receiver = Receiver(broker)
    await receiver.handle(first)
    await receiver.handle(last)

    assert first.settled[0][0] == "release"
    assert last.settled[0][0] == "bury"


# -- a worker's life ---------------------------------------------------------------------------


async def test_listen_runs_what_is_sent_until_it_is_told_to_finish(broker: Any) -> None:
    last = asyncio.Event()

    @broker.task
    async def count(number: int) -> int:
        if number == 99:
            last.set()
        return number

    tasks = [await count.kiq(number) for number in range(100)]
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(broker, max_async_tasks=7).listen(finish))
    await last.wait()
    finish.set()
    await listening

    assert [broker.results[task.task_id].return_value for task in tasks] == list(range(100))
    assert all(delivery.settled == [("ack", None)] for delivery in broker.yielded)


@pytest.mark.parametrize(("prefetch", "held"), [(0, 3), (2, 5)])
async def test_worker_holds_no_more_than_it_has_slots(
    broker: Any, prefetch: int, held: int
) -> None:
    gate, running, peak = asyncio.Event(), 0, 0
    full = asyncio.Event()

    @broker.task
    async def wait() -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        if running == 3:
            full.set()
        await gate.wait()
        running -= 1

    for _ in range(20):
        await wait.kiq()
    finish = asyncio.Event()
    receiver = Receiver(broker, max_async_tasks=3, max_prefetch=prefetch)
    listening = asyncio.create_task(receiver.listen(finish))
    await full.wait()
    held_while_full = len(broker.yielded)
    gate.set()
    await receiver.pool.wait_idle()
    finish.set()
    await listening

    assert held_while_full == held
    assert peak == 3


async def test_shutdown_releases_what_has_not_started_and_cancels_at_the_deadline(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    @broker.task(task_name="endless")
    async def endless() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    for _ in range(3):
        await endless.kiq()
    finish = asyncio.Event()
    receiver = Receiver(broker, max_async_tasks=1, max_prefetch=1, wait_tasks_timeout=0.01)
    listening = asyncio.create_task(receiver.listen(finish))
    await started.wait()
    finish.set()
    with caplog.at_level(logging.WARNING):
        await listening

    assert cancelled.is_set()
    assert [delivery.settled for delivery in broker.yielded] == [[("release", 0.0)]] * 2
    assert "These tasks did not finish in 0.01 s" in caplog.text
    assert "endless (" in caplog.text
    assert broker.queue.qsize() == 1


async def test_running_tasks_may_finish(broker: Any) -> None:
    started, gate = asyncio.Event(), asyncio.Event()

    @broker.task
    async def slow() -> str:
        started.set()
        await gate.wait()
        return "finished"

    task = await slow.kiq()
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(broker).listen(finish))
    await started.wait()
    finish.set()
    asyncio.get_running_loop().call_soon(gate.set)
    await listening

    assert broker.results[task.task_id].return_value == "finished"


async def test_cancelled_worker_cancels_and_releases_at_once(broker: Any) -> None:
    started = asyncio.Event()

    @broker.task
    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    await endless.kiq()
    listening = asyncio.create_task(Receiver(broker).listen(asyncio.Event()))
    await started.wait()

    listening.cancel()

    with pytest.raises(asyncio.CancelledError):
        await listening
    assert broker.yielded[0].settled == [("release", 0.0)]


async def test_worker_stops_after_so_many_tasks_and_says_so(broker: Any) -> None:
    left: list[Receiver] = []

    @broker.task
    async def work() -> None: ...

    for _ in range(10):
        await work.kiq()
    receiver = Receiver(broker, max_tasks_to_execute=4, on_exit=left.append)

    await receiver.listen(asyncio.Event())

    assert left == [receiver]
    assert len(broker.results) == 4
    assert broker.queue.qsize() == 6


async def test_broken_stream_is_opened_again_while_tasks_run_on(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "RECONNECT_BASE", 0.001)
    streams, gate, first_runs = 0, asyncio.Event(), asyncio.Event()
    listen = broker.listen

    async def unstable() -> AsyncGenerator[Any, None]:
        nonlocal streams
        streams += 1
        if streams == 2:
            raise ConnectionError("the server is restarting")
        async for delivery in listen():
            yield delivery
            if streams == 1:
                raise ConnectionError("the server went away")

    monkeypatch.setattr(broker, "listen", unstable)

    @broker.task
    async def first() -> None:
        first_runs.set()
        await gate.wait()

    @broker.task
    async def second() -> None:
        gate.set()

    tasks = [await first.kiq(), await second.kiq()]
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(broker).listen(finish))
    await gate.wait()
    finish.set()
    await listening

    assert first_runs.is_set()
    assert streams == 3
    assert {task.task_id for task in tasks} == broker.results.keys()


async def test_broker_that_cannot_be_listened_to_ends_the_worker(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse() -> AsyncGenerator[Any, None]:
        raise ListenError
        yield

    monkeypatch.setattr(broker, "listen", refuse)

    with pytest.raises(ListenError):
        await Receiver(broker).listen(asyncio.Event())


async def test_settling_that_fails_is_logged_and_the_worker_goes_on(
    broker: Any, delivered: Delivered, caplog: pytest.LogCaptureFixture
) -> None:
    @broker.task
    async def work() -> None: ...

    await work.kiq()
    delivery = delivered(broker)

    async def fail() -> None:
        raise ConnectionError("gone")

    delivery.ack = fail

    await Receiver(broker).handle(delivery)

    assert "could not be settled" in caplog.text


async def test_middleware_has_the_message_of_a_failed_task_buried(
    broker: Any, delivered: Delivered
) -> None:
    class GiveUp(TaskiqMiddleware):
        def on_error(
            self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
        ) -> None:
            message.labels[BURY] = "failed 3 times"

    broker.add_middlewares(GiveUp())

    @broker.task
    async def fail() -> None:
        raise ValueError

    task = await fail.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert isinstance(broker.results[task.task_id].error, ValueError)
    assert delivery.settled == [("bury", "failed 3 times")]


# -- receivers of others ---------------------------------------------------------------------------


async def test_receiver_that_overrides_callback_is_called_for_every_message(
    broker: Any,
) -> None:
    seen: list[bytes] = []
    done = asyncio.Event()

    class Watching(Receiver):
        async def callback(self, message: Any, raise_err: bool = False) -> None:
            seen.append(message.data)
            await super().callback(message, raise_err)
            done.set()

    task = broker.task("t")(lambda: None)
    finish = asyncio.Event()
    listening = asyncio.create_task(Watching(broker).listen(finish))
    await task.kiq()
    await done.wait()
    finish.set()
    await listening

    assert seen == [broker.sent[0].message]
    assert broker.yielded[0].settled == [("ack", None)]


@pytest.mark.parametrize("raises", [True, False])
async def test_message_that_an_overridden_callback_drops_is_released(
    broker: Any, raises: bool
) -> None:
    class Dropping(Receiver):
        async def callback(self, message: Any, raise_err: bool = False) -> None:
            if raises:
                raise RuntimeError("mine")

    task = broker.task("t")(lambda: None)
    finish = asyncio.Event()
    listening = asyncio.create_task(Dropping(broker).listen(finish))
    await task.kiq()
    while not broker.yielded:  # noqa: ASYNC110  # a double has no event for that
        await asyncio.sleep(0)
    await broker.yielded[0].is_settled.wait()
    finish.set()
    await listening

    assert broker.yielded[0].settled == [("release", 0.0)]


async def test_a_task_that_raises_keyboard_interrupt_does_not_end_its_worker(
    broker: Any, delivered: Delivered
) -> None:
    broker.is_worker_process = True

    @broker.task(task_name="interrupt")
    async def interrupt() -> None:
        raise KeyboardInterrupt

    task = await interrupt.kiq()
    delivery = delivered(broker)

    await Receiver(broker).handle(delivery)

    assert is_stand_in(broker.results[task.task_id].error, KeyboardInterrupt)
    assert delivery.settled == [("ack", None)]


async def test_a_task_that_raises_generator_exit_has_a_result(
    broker: Any, delivered: Delivered
) -> None:
    """A coroutine's own differs from that of a run that is closed; that of a thread is wrapped."""

    @broker.task(task_name="leave")
    async def leave() -> None:
        raise GeneratorExit

    @broker.task(task_name="leave_plainly")
    def leave_plainly() -> None:
        raise GeneratorExit

    errors: list[BaseException] = []
    for task in (leave, leave_plainly):
        sent = await task.kiq()
        delivery = delivered(broker)
        await Receiver(broker).handle(delivery)
        errors.append(broker.results[sent.task_id].error)
        assert delivery.settled == [("ack", None)]

    assert is_stand_in(errors[0], GeneratorExit)
    assert repr(errors[1]) == "RuntimeError('the task raised GeneratorExit')"


async def test_a_run_that_is_closed_stores_nothing(broker: Any, delivered: Delivered) -> None:
    """As when its event loop is gone: the message is another worker's then."""
    started = asyncio.Event()

    @broker.task(task_name="hangs")
    async def hangs() -> None:
        started.set()
        await asyncio.Event().wait()

    task = await hangs.kiq()
    handling = Receiver(broker).handle(delivered(broker))
    handling.send(None)
    assert started.is_set()

    handling.close()

    assert task.task_id not in broker.results


def test_max_deliveries_may_come_as_text(broker: Any) -> None:
    """As from `--receiver_arg`. Other text than a number is refused before anything is run."""
    assert Receiver(broker, max_deliveries="3").max_deliveries == 3  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="many"):
        Receiver(broker, max_deliveries="many")  # type: ignore[arg-type]
