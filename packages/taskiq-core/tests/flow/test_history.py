"""What has ended is classified, and written to the broker about once a second."""

import asyncio
import logging
import time
from typing import Any

import pytest

from taskiq_core import Context, TaskiqDepends, TaskiqMiddleware
from taskiq_core.exceptions import (
    NoResultError,
    TaskAbortedError,
    TaskRejectedError,
    TaskRetryError,
)
from taskiq_core.flow.history import MAX_WAITING, HistoryRecorder
from taskiq_core.flow.run_state import Run
from taskiq_core.messages.history import BUCKETS, DeliveryEnd, HistoryOptions
from taskiq_core.messages.labels import DELAY, SENT_AT
from taskiq_core.messages.outcomes import ACK
from taskiq_core.receiver import Receiver


class RetryOnce(TaskiqMiddleware):
    """Has a failed task delivered again, or sends it again and stores no result."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def on_error(self, message: Any, result: Any, exception: BaseException) -> None:
        result.error = self.error


def fail() -> None:
    raise ValueError("no such shop")


def reject() -> None:
    raise TaskRejectedError


def requeue() -> None:
    raise TaskRetryError


def keep_quiet() -> None:
    raise NoResultError


def be_aborted() -> None:
    raise TaskAbortedError(task_name="shop", task_id="1")


@pytest.mark.parametrize(
    ("function", "end", "error"),
    [
        (lambda: None, DeliveryEnd.SUCCEEDED, None),
        (fail, DeliveryEnd.FAILED, "ValueError: no such shop"),
        (reject, DeliveryEnd.DEAD, "TaskRejectedError: Task was rejected"),
        (requeue, DeliveryEnd.RELEASED, None),
        (keep_quiet, DeliveryEnd.SUCCEEDED, None),
        (be_aborted, DeliveryEnd.ABORTED, None),
    ],
    ids=["returned", "raised", "rejected", "requeued", "without a result", "aborted"],
)
async def test_ends_of_tasks_are_told_apart(
    keeping: Any, work: Any, function: Any, end: DeliveryEnd, error: str | None
) -> None:
    task = keeping.register_task(function, "shop")
    sent = await task.kiq()

    await work.through()

    [record] = keeping.past
    assert (record.task_id, record.task_name, record.end) == (sent.task_id, "shop", end)
    assert (record.worker_id, record.queue, record.attempt) == ("web-1-4102-0", "default", 1)
    if error is not None:
        assert record.error == error
    assert record.started_at <= record.ended_at


@pytest.mark.parametrize(
    "error", [TaskRetryError(), NoResultError()], ids=["released", "sent again"]
)
async def test_a_failure_that_is_tried_again_is_a_retry(
    keeping: Any, work: Any, error: Exception
) -> None:
    keeping.add_middlewares(RetryOnce(error))
    await keeping.register_task(fail, "shop").kiq()

    await work.through()

    assert [(record.end, record.error) for record in keeping.past] == [
        (DeliveryEnd.RETRIED, "ValueError: no such shop")
    ]
    assert [counters.retried for counters in keeping.counters] == [1]


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ({"aborted": True}, DeliveryEnd.ABORTED),
        ({"expired": True}, DeliveryEnd.EXPIRED),
        ({"attempt": 9}, DeliveryEnd.DEAD),
        ({"unreadable": "half of it is missing", "task_id": "17"}, DeliveryEnd.DEAD),
    ],
    ids=["aborted", "expired", "too often", "unreadable"],
)
async def test_ends_of_messages_that_are_not_run(
    keeping: Any, work: Any, options: dict[str, Any], end: DeliveryEnd
) -> None:
    keeping.options = options
    await keeping.register_task(lambda: None, "shop").kiq()

    await work.through()

    [record] = keeping.past
    assert record.end is end
    assert record.attempt == options.get("attempt", 1)
    if "unreadable" in options:
        assert (record.task_id, record.task_name) == ("17", "")
        assert keeping.counters == []


async def test_task_that_is_stopped_with_its_worker_is_released(keeping: Any, work: Any) -> None:
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    await keeping.register_task(hang, "shop").kiq()
    async with work.running(wait_tasks_timeout=0):
        await begun.wait()

    assert [record.end for record in keeping.past] == [DeliveryEnd.RELEASED]


async def test_delivery_that_cannot_be_settled_is_lost(keeping: Any, work: Any) -> None:
    async def break_down(context: Context = TaskiqDepends()) -> None:
        del context

        async def refuse() -> None:
            raise ConnectionError("away")

        keeping.made[-1].ack = refuse

    await keeping.register_task(break_down, "shop").kiq()

    await work.through()

    assert [record.end for record in keeping.past] == [DeliveryEnd.LOST]


async def test_counters_have_the_seconds_that_messages_waited_and_ran(
    keeping: Any, work: Any
) -> None:
    task = keeping.register_task(lambda: None, "shop")
    labels = {SENT_AT: str(time.time() - 107.0), DELAY: 100.0}
    keeping.capabilities = None  # which accepts any label
    await task.kicker().with_labels(**labels).kiq()
    keeping.capabilities = type(keeping).capabilities

    await work.through()

    [counters] = keeping.counters
    assert (counters.task_name, counters.started, counters.succeeded) == ("shop", 1, 1)
    assert counters.waited == [int(bound == 10.0) for bound in (*BUCKETS, None)]
    assert 7.0 <= counters.waited_sum < 10.0
    assert sum(counters.ran) == 1
    assert 0 <= counters.ran_sum < 60
    assert keeping.past[0].sent_at is not None


async def test_sender_says_when_it_sent_where_history_is_kept(keeping: Any, work: Any) -> None:
    await keeping.register_task(lambda: None, "shop").kiq()

    await work.through()

    [record], [counters] = keeping.past, keeping.counters
    assert record.sent_at is not None
    assert record.sent_at <= record.started_at
    assert sum(counters.waited) == 1


async def test_trace_of_a_message_is_kept(keeping: Any, work: Any) -> None:
    task = keeping.register_task(lambda: None, "shop")
    trace = "0af7651916cd43dd8448eb211c80319c"
    await task.kicker().with_labels(traceparent=f"00-{trace}-b7ad6b7169203331-01").kiq()

    await work.through()

    assert keeping.past[0].trace_id == trace


async def test_labels_of_others_disturb_nothing(keeping: Any, work: Any) -> None:
    task = keeping.register_task(lambda: None, "shop")
    keeping.history = None  # so that the time of sending is not set
    labels = {SENT_AT: "yesterday", "traceparent": 5, "X-Taskiq-requeue": 1}
    await task.kicker().with_labels(**labels).kiq()
    keeping.history = HistoryOptions()

    await work.through()

    [record] = keeping.past
    assert (record.sent_at, record.trace_id, record.attempt) == (None, None, 2)


async def test_nothing_is_written_without_history(store: Any, work: Any) -> None:
    await store.register_task(lambda: None, "shop").kiq()

    await work.through()

    assert store.past == store.counters == []


async def test_history_waits_for_a_store_that_is_down(
    keeping: Any, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = HistoryRecorder(keeping)
    keeping.failures = [ConnectionError("away")] * 2
    delivery = await _end_one(recorder, keeping)

    await recorder.flush()
    recorder.report_end(delivery, Run(), ACK)
    await recorder.flush()
    assert keeping.past == []
    await recorder.flush()

    assert len(keeping.past) == 2
    assert [counters.started for counters in keeping.counters] == [1]  # the other has no name
    assert caplog.text.count("The history can't be written and waits in memory: away") == 1


async def test_history_of_a_store_that_stays_down_is_bounded(
    keeping: Any, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = HistoryRecorder(keeping)
    keeping.failures = [ConnectionError("away")]
    delivery = await _end_one(recorder, keeping)
    for _ in range(MAX_WAITING):
        recorder.report_end(delivery, Run(), ACK)

    await recorder.flush()
    await recorder.flush()

    assert len(keeping.past) == MAX_WAITING
    assert "Deliveries dropped: 1" in caplog.text


async def test_more_than_the_store_keeps_is_not_written(
    keeping: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that ends more tasks between two writes saves the store their records."""
    keeping.history = HistoryOptions(max_deliveries=5)
    recorder = HistoryRecorder(keeping)
    delivery = await _end_one(recorder, keeping)
    for _ in range(20):
        recorder.report_end(delivery, Run(), ACK)

    await recorder.flush()

    assert len(keeping.past) == 5
    assert "dropped" not in caplog.text


async def test_what_ends_during_a_write_waits_for_the_next(keeping: Any) -> None:
    """A busy worker writes once a second, and not again and again what came meanwhile."""
    recorder = HistoryRecorder(keeping)
    delivery = await _end_one(recorder, keeping)
    write = keeping.add_history

    async def add_history(*args: Any) -> None:
        await write(*args)
        recorder.report_end(delivery, Run(), ACK)

    keeping.add_history = add_history

    await asyncio.wait_for(recorder.flush(), 20)

    assert len(keeping.past) == 1
    await asyncio.wait_for(recorder.flush(), 20)
    assert len(keeping.past) == 2


async def test_end_of_a_task_is_one_line_at_info(
    store: Any, work: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "taskiq.flow.delivery_end")
    store.options = {"attempt": 3, "unsettled": 0}
    sent = await store.register_task(lambda: None, "shop").kiq()

    await work.through()

    [line] = [record.message for record in caplog.records if "delivery_end" in record.name]
    assert line.startswith(f"Task shop ({sent.task_id}), attempt 3: succeeded in 0.")


async def test_log_lines_about_a_delivery_name_its_task(
    store: Any, work: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    task = store.register_task(lambda: None, "shop")

    def refuse(_name: str) -> None:
        raise ZeroDivisionError

    async with work.running() as receiver:
        await store.announced.wait()  # it listens
        monkeypatch.setattr(receiver._plans, "find", refuse)
        sent = await task.kiq()
        await work.until(lambda: any(delivery.settled for delivery in store.made))

    lines = [record.getMessage() for record in caplog.records]
    assert f"shop ({sent.task_id}) can't be handled (attempt 1)" in lines
    assert any(line.startswith(f"shop ({sent.task_id}): attempt 1 ") for line in lines)


async def _end_one(recorder: HistoryRecorder, broker: Any) -> Any:
    """Run one task through a receiver that tells a recorder."""
    await broker.register_task(lambda: None, "shop").kiq()
    receiver = Receiver(broker)
    receiver._handler.report_end = recorder.report_end
    deliveries = broker.listen()
    delivery = await anext(deliveries)
    await deliveries.aclose()
    await receiver.handle(delivery)
    return delivery
