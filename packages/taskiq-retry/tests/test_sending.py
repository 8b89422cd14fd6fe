"""Retries that the middleware sends itself, as for brokers that can't take a message back."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest

from taskiq_core import (
    AckableMessage,
    AsyncBroker,
    AsyncKicker,
    BrokerMessage,
    Capability,
    Context,
    Receiver,
    ScheduledTask,
    ScheduleSource,
    TaskiqDepends,
    TaskiqMessage,
    TaskiqMiddleware,
    TaskiqResult,
)
from taskiq_core.exceptions import NoResultError, SendTaskError, TaskRetryError
from taskiq_core.formatters.json_formatter import JSONFormatter
from taskiq_inmemory import InMemoryBroker, InmemoryResultBackend
from taskiq_retry import SimpleRetryMiddleware, SmartRetryMiddleware

FORMATTER = JSONFormatter()
BOTH = pytest.mark.parametrize("middleware_class", [SimpleRetryMiddleware, SmartRetryMiddleware])


class AckOnlyBroker(AsyncBroker):
    """A broker as they were written for taskiq 0.13: it says nothing of what it can do."""

    def __init__(self) -> None:
        super().__init__(result_backend=InmemoryResultBackend())
        self.queue: asyncio.Queue[BrokerMessage] = asyncio.Queue()
        self.sent: list[TaskiqMessage] = []
        self.acked: list[str] = []

    async def kick(self, message: BrokerMessage) -> None:
        sent = FORMATTER.loads(message.message)
        sent.parse_labels()
        self.sent.append(sent)
        self.queue.put_nowait(message)

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        while True:
            message = await self.queue.get()
            yield AckableMessage(data=message.message, ack=self._ack(message.task_id))

    def _ack(self, task_id: str) -> Any:
        return lambda: self.acked.append(task_id)


class Notes(TaskiqMiddleware):
    """Notes how often each message failed before, as the hooks see it."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Any] = []
        self.after: list[Any] = []

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        self.before.append(message.labels.get("_retries"))
        return message

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        self.after.append(message.labels.get("_retries"))


async def run(broker: AsyncBroker, count: int) -> None:
    receiver = Receiver(broker, max_tasks_to_execute=count)
    await asyncio.wait_for(receiver.listen(asyncio.Event()), 10)


def failed(**labels: Any) -> tuple[TaskiqMessage, TaskiqResult[Any]]:
    message = TaskiqMessage(task_id="1", task_name="t", labels=labels, args=[7], kwargs={"a": 8})
    error = ValueError("no")
    return message, TaskiqResult(
        is_err=True, return_value=None, execution_time=0.0, error=error, labels=message.labels
    )


# -- in a worker ------------------------------------------------------------------------------


@BOTH
async def test_failed_task_is_sent_again_and_its_message_acknowledged(
    middleware_class: Any,
) -> None:
    broker, notes = AckOnlyBroker(), Notes()
    broker.add_middlewares(notes, middleware_class())

    @broker.task("flaky", retry_on_error=True, note="kept")
    async def flaky(number: int, *, context: Context = TaskiqDepends()) -> int:
        if len(broker.sent) < 3:
            raise ConnectionError
        return number

    task = await flaky.kiq(7)
    await run(broker, 3)

    assert [message.task_id for message in broker.sent] == [task.task_id] * 3
    assert [message.args for message in broker.sent] == [[7]] * 3
    assert [message.labels["note"] for message in broker.sent] == ["kept"] * 3
    assert [message.labels.get("_retries") for message in broker.sent] == [None, 1, 2]
    assert notes.before == [None, 1, 2]
    assert notes.after == [1, 2, 2]
    assert broker.acked == [task.task_id] * 3
    assert (await task.get_result()).return_value == 7


async def test_delay_of_a_retry_is_its_label() -> None:
    broker = AckOnlyBroker()
    broker.add_middlewares(SmartRetryMiddleware(default_delay=1.5))

    @broker.task("fail", retry_on_error=True)
    async def fail() -> None:
        raise ValueError

    await fail.kiq()
    await run(broker, 2)

    assert [message.labels.get("delay") for message in broker.sent] == [None, 1.5, 1.5]


async def test_growing_delays_grow_from_the_first_one() -> None:
    broker = AckOnlyBroker()
    broker.add_middlewares(SmartRetryMiddleware(use_delay_exponent=True, default_retry_count=5))

    @broker.task("fail", retry_on_error=True, delay=2)
    async def fail() -> None:
        raise ValueError

    await fail.kiq()
    await run(broker, 4)

    assert [message.labels.get("delay") for message in broker.sent] == [2, 2, 4, 8, 16]


async def test_delay_of_a_released_retry_is_its_label() -> None:
    broker = InMemoryBroker(await_inplace=True)
    broker.add_middlewares(SmartRetryMiddleware(use_delay_exponent=True, default_retry_count=4))
    delays: list[float | None] = []

    @broker.task("fail", retry_on_error=True)
    async def fail(context: Context = TaskiqDepends()) -> None:
        delays.append(context.message.labels.get("delay"))
        raise ValueError

    await fail.kiq()
    first, *_ = delays
    await fail.kicker().with_labels(delay=2).kiq()

    assert first is None
    assert delays == [None, 5, 10, 20, 2, 2, 4, 8]


@pytest.mark.parametrize(
    ("middleware", "last"),
    [(SimpleRetryMiddleware(), 3), (SmartRetryMiddleware(), 2)],
)
async def test_label_of_the_last_attempt(middleware: Any, last: int) -> None:
    """Simple counts the failure after which it gives up, too."""
    broker, notes = AckOnlyBroker(), Notes()
    broker.add_middlewares(notes, middleware)

    @broker.task("fail", retry_on_error=True)
    async def fail() -> None:
        raise ValueError

    await fail.kiq()
    await run(broker, 3)

    assert notes.after == [1, 2, last]
    assert len(broker.sent) == 3


@BOTH
async def test_error_of_each_attempt_may_be_stored_with_its_hooks(middleware_class: Any) -> None:
    saved: list[str] = []

    class Saved(TaskiqMiddleware):
        def post_save(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
            saved.append(repr(result.error))

    for broker in (AckOnlyBroker(), InMemoryBroker()):
        saved.clear()
        options = {} if middleware_class is SimpleRetryMiddleware else {"default_delay": 0}
        broker.add_middlewares(Saved(), middleware_class(no_result_on_retry=False, **options))
        runs: list[int] = []

        @broker.task("flaky", retry_on_error=True)
        async def flaky(runs: Any = TaskiqDepends(lambda runs=runs: runs)) -> str:
            runs.append(1)
            if len(runs) < 3:
                raise ValueError(len(runs))
            return "done"

        task = await flaky.kiq()
        if isinstance(broker, InMemoryBroker):
            await broker.wait_all()
        else:
            await run(broker, 3)

        assert saved == ["ValueError(1)", "ValueError(2)", "None"]
        assert (await task.get_result()).return_value == "done"


async def test_requeues_use_up_no_retries() -> None:
    broker, notes = AckOnlyBroker(), Notes()
    broker.add_middlewares(notes, SimpleRetryMiddleware())

    @broker.task("work", retry_on_error=True)
    async def work(context: Context = TaskiqDepends()) -> str:
        if context.attempt <= 3:
            await context.requeue()
        if len(broker.sent) == 4:
            raise ConnectionError
        return "done"

    task = await work.kiq()
    await run(broker, 5)

    assert notes.before == [None, None, None, None, 1]
    assert (await task.get_result()).return_value == "done"


async def test_worker_holds_the_message_for_a_broker_that_says_that_it_cannot_delay() -> None:
    class NoDelay(AckOnlyBroker):
        capabilities = frozenset({Capability.ACK})

    broker = NoDelay()
    broker.add_middlewares(SmartRetryMiddleware(default_delay=0.01))

    @broker.task("flaky", retry_on_error=True)
    async def flaky() -> str:
        if len(broker.sent) == 1:
            raise ConnectionError
        return "done"

    task = await flaky.kiq()
    await run(broker, 2)

    assert [message.labels.get("_retries") for message in broker.sent] == [None, 1]
    assert "delay" not in broker.sent[1].labels
    assert (await task.get_result()).return_value == "done"


# -- by the hook alone, as programs test theirs -----------------------------------------------


def stand_in() -> Any:
    """An object that only looks like a broker."""
    return SimpleNamespace(
        middlewares=[],
        formatter=FORMATTER,
        kick=AsyncMock(),
        id_generator=lambda: "new",
        result_backend=None,
    )


@BOTH
@pytest.mark.parametrize("make", [stand_in, lambda: MagicMock(**vars(stand_in()))])
async def test_on_error_sends_outside_a_worker(middleware_class: Any, make: Any) -> None:
    broker = make()
    middleware = middleware_class()
    middleware.set_broker(broker)
    message, result = failed(retry_on_error=True, note="kept")

    await middleware.on_error(message, result, ValueError("no"))

    (sent,) = broker.kick.await_args.args
    again = FORMATTER.loads(sent.message)
    again.parse_labels()
    assert (again.task_id, again.args, again.kwargs) == ("1", [7], {"a": 8})
    assert again.labels["note"] == "kept"
    assert again.labels["_retries"] == 1
    assert isinstance(result.error, NoResultError)
    assert not isinstance(result.error, TaskRetryError)
    assert result.is_err
    assert message.labels["_retries"] == 1


@BOTH
async def test_on_error_sends_on_a_broker_that_could_release(middleware_class: Any) -> None:
    """No receiver is there to release anything."""
    broker = AckOnlyBroker()
    broker.capabilities = frozenset({Capability.ACK, Capability.RELEASE, Capability.DELAY})
    broker.add_middlewares(middleware_class())
    message, result = failed(retry_on_error=True)

    await broker.middlewares[0].on_error(message, result, ValueError("no"))  # type: ignore[misc]  # is async

    assert len(broker.sent) == 1


@BOTH
async def test_retry_that_cannot_be_sent_is_a_send_error(middleware_class: Any) -> None:
    broker = stand_in()
    broker.kick.side_effect = OSError("down")
    middleware = middleware_class()
    middleware.set_broker(broker)
    message, result = failed(retry_on_error=True)

    with pytest.raises(SendTaskError, match="down"):
        await middleware.on_error(message, result, ValueError("no"))


@BOTH
@pytest.mark.parametrize("count", [0, -1])
async def test_retry_count_of_zero_or_less_is_no_retry(middleware_class: Any, count: int) -> None:
    middleware = middleware_class(default_retry_count=count, default_retry_label=True)
    middleware.set_broker(stand_in())
    message, result = failed()

    await middleware.on_error(message, result, ValueError("no"))

    middleware.broker.kick.assert_not_awaited()
    assert isinstance(result.error, ValueError)


# -- hooks of subclasses ----------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("answer", [True, False])
async def test_subclass_decides_whether_a_task_is_retried(
    middleware_class: Any, answer: bool
) -> None:
    class Decides(middleware_class):  # type: ignore[misc]  # a parameter
        def is_retry_on_error(self, message: TaskiqMessage) -> bool:
            return answer

    middleware = Decides()
    middleware.set_broker(stand_in())
    message, result = failed(retry_on_error=not answer)

    await middleware.on_error(message, result, ValueError("no"))

    assert middleware.broker.kick.await_count == answer


def test_is_retry_on_error_answers_for_a_message() -> None:
    middleware = SmartRetryMiddleware()

    assert middleware.is_retry_on_error(failed(retry_on_error="True")[0]) is True
    assert middleware.is_retry_on_error(failed()[0]) is False


@pytest.mark.parametrize("broker_class", [AckOnlyBroker, InMemoryBroker])
async def test_on_send_and_make_delay_of_a_subclass_are_called(broker_class: Any) -> None:
    sends: list[Any] = []

    class Sends(SmartRetryMiddleware):
        def make_delay(self, message: TaskiqMessage, retries: int) -> float:
            return 10.0 * retries

        async def on_send(
            self, kicker: AsyncKicker[Any, Any], message: TaskiqMessage, delay: float
        ) -> None:
            sends.append((kicker.labels["_retries"], kicker.custom_task_id, message.args, delay))

    broker = broker_class()
    broker.add_middlewares(Sends())

    @broker.task("fail", retry_on_error=True)
    async def fail(number: int) -> None:
        raise ValueError

    task = await fail.kiq(7)
    if isinstance(broker, InMemoryBroker):
        await broker.wait_all()
    else:
        await run(broker, 1)

    assert sends == [(1, task.task_id, [7], 10.0)]


class Source(ScheduleSource):
    """Keeps schedules in a list."""

    def __init__(self) -> None:
        self.kept: list[ScheduledTask] = []

    async def get_schedules(self) -> list[ScheduledTask]:
        return self.kept

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        self.kept.append(schedule)


async def test_schedule_of_a_retry_says_how_often_the_task_failed() -> None:
    source = Source()
    middleware = SmartRetryMiddleware(default_delay=60, schedule_source=source)
    middleware.set_broker(stand_in())
    message, result = failed(retry_on_error=True, _retries=1, delay=30)
    before = datetime.now(UTC)

    await middleware.on_error(message, result, ValueError("no"))

    (kept,) = source.kept
    assert int(kept.labels["_retries"]) == 2
    assert "delay" not in kept.labels
    assert (kept.task_id, kept.args, kept.kwargs) == ("1", [7], {"a": 8})
    assert kept.time is not None
    assert 29 < (kept.time - before).total_seconds() < 60
    assert isinstance(result.error, NoResultError)


def test_schedule_source_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="schedule_source is not a ScheduleSource: 'redis'"):
        SmartRetryMiddleware(schedule_source="redis")  # type: ignore[arg-type]
