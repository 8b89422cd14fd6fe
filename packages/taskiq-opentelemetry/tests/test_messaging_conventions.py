"""Spans and metrics by OpenTelemetry's conventions for messaging that a user selects."""

import asyncio
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from taskiq_core import Context, TaskiqDepends
from taskiq_inmemory import InMemoryBroker
from taskiq_retry import SimpleRetryMiddleware


async def test_run_is_below_the_send_and_is_current(
    messaging_broker: InMemoryBroker, telemetry: Any
) -> None:
    seen: list[Any] = []

    def dependency() -> str:
        return f"{trace.get_current_span().get_span_context().span_id:x}"

    @messaging_broker.task("work", queue_name="low")
    def work(of_dependency: str = TaskiqDepends(dependency)) -> None:
        seen.extend([of_dependency, dependency()])

    with telemetry.tracers.get_tracer("test").start_as_current_span("request"):
        task = await work.kiq()
    await task.wait_result(timeout=10)
    await messaging_broker.wait_all()

    (request,) = telemetry.spans("request")
    (sent,) = telemetry.spans("send work")
    (process,) = telemetry.spans("process work")
    assert sent.parent is not None
    assert process.parent is not None
    assert sent.parent.span_id == request.context.span_id
    assert process.parent.span_id == sent.context.span_id
    assert process.context.trace_id == request.context.trace_id
    assert (sent.kind, process.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert dict(process.attributes or {}) == {
        "messaging.system": "taskiq",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": task.task_id,
        "messaging.destination.name": "low",
        "taskiq.task.name": "work",
        "taskiq.attempt": 1,
    }
    assert seen == [f"{process.context.span_id:x}"] * 2
    assert not trace.get_current_span().get_span_context().is_valid


async def test_failure_is_recorded(messaging_broker: InMemoryBroker, telemetry: Any) -> None:
    @messaging_broker.task("fails")
    async def fails() -> None:
        raise ConnectionError("no")

    await fails.kiq()
    await messaging_broker.wait_all()

    (span,) = telemetry.spans("process fails")
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "ConnectionError"
    assert [event.name for event in span.events] == ["exception"]
    (duration,) = telemetry.points("messaging.process.duration")
    assert duration.attributes["error.type"] == "ConnectionError"


async def test_each_attempt_has_a_span_in_one_trace(
    messaging_broker: InMemoryBroker, telemetry: Any
) -> None:
    messaging_broker.add_middlewares(SimpleRetryMiddleware(default_retry_label=True))

    @messaging_broker.task("again")
    async def again(context: Context = TaskiqDepends()) -> None:
        if context.attempt == 1:
            raise ConnectionError("no")
        context.reject()

    await again.kiq()
    await messaging_broker.wait_all()

    first, second = telemetry.spans("process again")
    assert first.context.trace_id == second.context.trace_id
    assert [(span.attributes or {})["taskiq.attempt"] for span in (first, second)] == [1, 2]
    assert [event.name for event in first.events] == ["exception", "released"]
    assert [event.name for event in second.events] == ["exception", "buried"]


async def test_aborted_and_nested_tasks_end_their_own_spans(
    messaging_broker: InMemoryBroker, telemetry: Any
) -> None:
    started = asyncio.Event()

    @messaging_broker.task("hang")
    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    @messaging_broker.task("outer")
    async def outer() -> str:
        inner = await hang.kiq()
        await started.wait()
        await inner.abort(timeout=10)
        return f"{trace.get_current_span().get_span_context().span_id:x}"

    result = await (await outer.kiq()).wait_result(timeout=10)
    await messaging_broker.wait_all()

    (inner_span,) = telemetry.spans("process hang")
    (outer_span,) = telemetry.spans("process outer")
    assert result.return_value == f"{outer_span.context.span_id:x}"
    assert inner_span.context.trace_id == outer_span.context.trace_id
    assert inner_span.status.status_code is StatusCode.ERROR


async def test_messages_are_counted(messaging_broker: InMemoryBroker, telemetry: Any) -> None:
    messaging_broker.task("t")(lambda: None)
    task = messaging_broker.find_task("t")
    assert task is not None
    for _ in range(3):
        await task.kiq()
    await messaging_broker.wait_all()

    for name in ("messaging.client.sent.messages", "messaging.client.consumed.messages"):
        (point,) = telemetry.points(name)
        assert point.value == 3
        assert point.attributes["messaging.destination.name"] == "t"
    (duration,) = telemetry.points("messaging.process.duration")
    assert duration.count == 3
