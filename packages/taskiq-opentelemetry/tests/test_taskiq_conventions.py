"""Spans and metrics under the names of taskiq 0.13, which are the default."""

import asyncio
import time
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from taskiq_core import BrokerMessage, Context, TaskiqDepends
from taskiq_core.exceptions import SendTaskError
from taskiq_inmemory import InMemoryBroker
from taskiq_retry import SimpleRetryMiddleware


async def run(broker: InMemoryBroker, task: Any, *args: Any) -> Any:
    sent = await task.kiq(*args)
    await broker.wait_all()
    return sent


async def test_run_is_below_the_send_in_one_trace(broker: InMemoryBroker, telemetry: Any) -> None:
    seen: list[int] = []

    def dependency() -> int:
        return trace.get_current_span().get_span_context().span_id

    @broker.task("work")
    def work(of_dependency: int = TaskiqDepends(dependency)) -> None:
        seen.extend([of_dependency, dependency()])

    with telemetry.tracers.get_tracer("test").start_as_current_span("request"):
        await run(broker, work)

    (request,) = telemetry.spans("request")
    (send,) = telemetry.spans("send/work")
    (execute,) = telemetry.spans("execute/work")
    assert send.parent.span_id == request.context.span_id
    assert execute.parent.span_id == send.context.span_id
    assert execute.context.trace_id == request.context.trace_id
    assert (send.kind, execute.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert seen == [execute.context.span_id] * 2
    assert not trace.get_current_span().get_span_context().is_valid


async def test_scope_is_that_of_the_middleware_of_0_13(
    broker: InMemoryBroker, telemetry: Any
) -> None:
    await run(broker, broker.task("work")(lambda: None))

    (send,) = telemetry.spans("send/work")
    scope = send.instrumentation_scope
    assert scope.name == "taskiq.middlewares.opentelemetry_middleware"
    assert scope.schema_url == "https://opentelemetry.io/schemas/1.11.0"
    assert scope.version


async def test_attributes_name_action_task_and_the_labels_that_are_set(
    broker: InMemoryBroker, telemetry: Any
) -> None:
    @broker.task("work", timeout=5, max_retries=3, retry_on_error=True, other=1)
    async def work() -> None: ...

    sent = await run(broker, work)

    (send,) = telemetry.spans("send/work")
    (execute,) = telemetry.spans("execute/work")
    assert dict(send.attributes) == {
        "taskiq.action": "send",
        "taskiq.task_name": "work",
        "messaging.message.id": sent.task_id,
        "taskiq.timeout": "5",
        "taskiq.max_retries": "3",
        "taskiq.retry_on_error": "True",
    }
    assert dict(execute.attributes) == {
        "taskiq.action": "execute",
        "taskiq.task_name": "work",
        "messaging.message.id": sent.task_id,
        "taskiq.timeout": 5,
        "taskiq.max_retries": 3,
        "taskiq.retry_on_error": True,
    }
    assert execute.events == ()
    assert execute.status.status_code is StatusCode.UNSET


async def test_attempts_after_failures_and_requeues_say_so(
    broker: InMemoryBroker, telemetry: Any
) -> None:
    broker.add_middlewares(SimpleRetryMiddleware(default_retry_label=True))

    @broker.task("again")
    async def again(context: Context = TaskiqDepends()) -> None:
        if context.attempt == 1:
            raise ConnectionError("no")

    await run(broker, again)

    first, second = telemetry.spans("execute/again")
    assert first.context.trace_id == second.context.trace_id
    assert second.attributes["taskiq._retries"] == 1
    assert second.attributes["taskiq.X-Taskiq-requeue"] == "1"


async def test_span_of_the_send_is_current_until_the_broker_has_the_message(
    broker: InMemoryBroker, telemetry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    current: list[int] = []
    kick = broker.kick

    async def noted(message: BrokerMessage) -> None:
        current.append(trace.get_current_span().get_span_context().span_id)
        await kick(message)

    monkeypatch.setattr(broker, "kick", noted)

    await run(broker, broker.task("work")(lambda: None))

    (send,) = telemetry.spans("send/work")
    assert current == [send.context.span_id]


@pytest.mark.parametrize("error", [OSError("down"), asyncio.CancelledError("stop")])
async def test_span_of_a_send_that_fails_ends(
    broker: InMemoryBroker,
    telemetry: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    async def fail(_: BrokerMessage) -> None:
        raise error

    monkeypatch.setattr(broker, "kick", fail)
    task = broker.task("work")(lambda: None)

    with pytest.raises((SendTaskError, asyncio.CancelledError)):
        await task.kiq()

    (send,) = telemetry.spans("send/work")
    assert send.status.status_code is StatusCode.ERROR
    assert [event.name for event in send.events] == ["exception"]
    assert not trace.get_current_span().get_span_context().is_valid
    assert telemetry.points("tasks_sent") == []


async def test_failure_is_one_event_and_a_status(broker: InMemoryBroker, telemetry: Any) -> None:
    @broker.task("fails")
    async def fails() -> None:
        raise ConnectionError("no route")

    await run(broker, fails)

    (span,) = telemetry.spans("execute/fails")
    assert [event.name for event in span.events] == ["exception"]
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "no route"
    (errors,) = telemetry.points("task_errors")
    assert errors.attributes == {"task_name": "fails", "retry_error": False}
    assert telemetry.points("task_success") == []


async def test_failure_of_a_task_that_is_retried_is_an_attribute(
    broker: InMemoryBroker, telemetry: Any
) -> None:
    @broker.task("fails", retry_on_error=True)
    async def fails() -> None:
        raise ConnectionError("no route")

    await run(broker, fails)

    (span,) = telemetry.spans("execute/fails")
    assert span.events == ()
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes["taskiq.retry.reason"] == "no route"
    (errors,) = telemetry.points("task_errors")
    assert errors.attributes["retry_error"] is True


async def test_group_of_many_exceptions_is_recorded_by_its_beginning(
    broker: InMemoryBroker, telemetry: Any
) -> None:
    @broker.task("fails")
    async def fails() -> None:
        raise ExceptionGroup("many", [ValueError(number) for number in range(1000)])

    await run(broker, fails)

    (span,) = telemetry.spans("execute/fails")
    (event,) = span.events
    assert "more exceptions left out" in event.attributes["exception.stacktrace"]


async def test_times_travel_as_labels_and_are_measured(
    broker: InMemoryBroker, telemetry: Any
) -> None:
    before = time.time()

    @broker.task("work")
    async def work(context: Context = TaskiqDepends()) -> tuple[Any, Any]:
        labels = context.message.labels
        return labels["_taskiq_queue_time"], labels["_taskiq_broker_receive_time"]

    sent = await run(broker, work)

    queued, received = (await sent.get_result()).return_value
    assert before <= queued <= received <= time.time()
    (wait,) = telemetry.points("task_wait_time")
    assert wait.sum == pytest.approx(received - queued)


async def test_runs_are_counted_by_task(broker: InMemoryBroker, telemetry: Any) -> None:
    task = broker.task("work")(lambda: None)
    for _ in range(3):
        await run(broker, task)

    for name, value in (("tasks_sent", 3), ("task_success", 3), ("worker_active_tasks", 0)):
        (point,) = telemetry.points(name)
        assert (point.value, point.attributes) == (value, {"task_name": "work"}), name
    (duration,) = telemetry.points("task_execution_time")
    assert (duration.count, duration.attributes) == (3, {"task_name": "work"})


async def test_task_that_is_requeued_is_not_failed_and_is_active_no_more(
    broker: InMemoryBroker, telemetry: Any
) -> None:
    @broker.task("work")
    async def work(context: Context = TaskiqDepends()) -> None:
        if context.attempt == 1:
            await context.requeue()

    await run(broker, work)

    first, second = telemetry.spans("execute/work")
    assert (first.events, second.events) == ((), ())
    assert telemetry.points("task_errors") == []
    (active,) = telemetry.points("worker_active_tasks")
    assert active.value == 0


@pytest.mark.parametrize("is_worker", [True, False])
def test_process_is_measured_in_workers_only(
    broker: InMemoryBroker, telemetry: Any, is_worker: bool
) -> None:
    broker.is_worker_process = is_worker

    points = [
        *telemetry.points("worker_cpu_utilization"),
        *telemetry.points("worker_memory_utilization"),
    ]

    assert len(points) == (2 if is_worker else 0)
    if is_worker:
        cpu, memory = points
        assert (cpu.attributes, memory.attributes) == ({}, {})
        assert cpu.value >= 0
        assert memory.value > 1_000_000
