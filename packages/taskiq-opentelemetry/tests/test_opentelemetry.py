"""Spans and metrics, as the SDK's exporters get them."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from taskiq_core import Context, TaskiqDepends
from taskiq_core.broker import AsyncBroker
from taskiq_inmemory import InMemoryBroker
from taskiq_opentelemetry import OpenTelemetryMiddleware, TaskiqInstrumentor, conventions
from taskiq_opentelemetry.plugin import taskiq_register_middlewares
from taskiq_retry import SimpleRetryMiddleware
from taskiq_zmq import ZeroMQBroker


class Telemetry:
    """Providers, and what they exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def broker(telemetry: Telemetry) -> InMemoryBroker:
    return InMemoryBroker().with_middlewares(
        OpenTelemetryMiddleware(telemetry.tracers, telemetry.meters)
    )


async def test_run_is_below_the_send_and_is_current(
    broker: InMemoryBroker, telemetry: Telemetry
) -> None:
    seen: list[Any] = []

    def dependency() -> str:
        return f"{trace.get_current_span().get_span_context().span_id:x}"

    @broker.task("work", queue_name="low")
    def work(of_dependency: str = TaskiqDepends(dependency)) -> None:
        seen.extend([of_dependency, dependency()])

    with telemetry.tracers.get_tracer("test").start_as_current_span("request"):
        task = await work.kiq()
    await task.wait_result(timeout=10)
    await broker.wait_all()

    (request,) = telemetry.spans("request")
    (create,) = telemetry.spans("create work")
    (process,) = telemetry.spans("process work")
    assert create.parent is not None
    assert process.parent is not None
    assert create.parent.span_id == request.context.span_id
    assert process.parent.span_id == create.context.span_id
    assert process.context.trace_id == request.context.trace_id
    assert (create.kind, process.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
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


async def test_failure_is_recorded(broker: InMemoryBroker, telemetry: Telemetry) -> None:
    @broker.task("fails")
    async def fails() -> None:
        raise ConnectionError("no")

    await fails.kiq()
    await broker.wait_all()

    (span,) = telemetry.spans("process fails")
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "ConnectionError"
    assert [event.name for event in span.events] == ["exception"]
    (duration,) = telemetry.points("messaging.process.duration")
    assert duration.attributes["error.type"] == "ConnectionError"


async def test_each_attempt_has_a_span_in_one_trace(
    broker: InMemoryBroker, telemetry: Telemetry
) -> None:
    broker.add_middlewares(SimpleRetryMiddleware(default_retry_label=True))

    @broker.task("again")
    async def again(context: Context = TaskiqDepends()) -> None:
        if context.attempt == 1:
            raise ConnectionError("no")
        context.reject()

    await again.kiq()
    await broker.wait_all()

    first, second = telemetry.spans("process again")
    assert first.context.trace_id == second.context.trace_id
    assert [(span.attributes or {})["taskiq.attempt"] for span in (first, second)] == [1, 2]
    assert [event.name for event in first.events] == ["exception", "released"]
    assert [event.name for event in second.events] == ["exception", "buried"]


async def test_aborted_and_nested_tasks_end_their_own_spans(
    broker: InMemoryBroker, telemetry: Telemetry
) -> None:
    started = asyncio.Event()

    @broker.task("hang")
    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    @broker.task("outer")
    async def outer() -> str:
        inner = await hang.kiq()
        await started.wait()
        await inner.abort(timeout=10)
        return f"{trace.get_current_span().get_span_context().span_id:x}"

    result = await (await outer.kiq()).wait_result(timeout=10)
    await broker.wait_all()

    (inner_span,) = telemetry.spans("process hang")
    (outer_span,) = telemetry.spans("process outer")
    assert result.return_value == f"{outer_span.context.span_id:x}"
    assert inner_span.context.trace_id == outer_span.context.trace_id
    assert inner_span.status.status_code is StatusCode.ERROR


async def test_messages_are_counted(broker: InMemoryBroker, telemetry: Telemetry) -> None:
    broker.task("t")(lambda: None)
    task = broker.find_task("t")
    assert task is not None
    for _ in range(3):
        await task.kiq()
    await broker.wait_all()

    for name in ("messaging.client.sent.messages", "messaging.client.consumed.messages"):
        (point,) = telemetry.points(name)
        assert point.value == 3
        assert point.attributes["messaging.destination.name"] == "t"
    (duration,) = telemetry.points("messaging.process.duration")
    assert duration.count == 3


# -- the instrumentor ------------------------------------------------------------------------------


@pytest.fixture
def instrumentor() -> Iterator[TaskiqInstrumentor]:
    instrumentor = TaskiqInstrumentor()
    yield instrumentor
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


def has_middleware(broker: AsyncBroker) -> bool:
    return any(isinstance(each, OpenTelemetryMiddleware) for each in broker.middlewares)


async def test_brokers_made_while_instrumented_are_traced(
    instrumentor: TaskiqInstrumentor, telemetry: Telemetry
) -> None:
    before, original = InMemoryBroker(), AsyncBroker.__init__
    instrumentor.instrument(tracer_provider=telemetry.tracers, meter_provider=telemetry.meters)
    broker = InMemoryBroker()
    broker.task("t")(lambda: None)

    task = broker.find_task("t")
    assert task is not None
    await task.kiq()
    await broker.wait_all()

    assert len(telemetry.spans("process t")) == 1
    assert not has_middleware(before)
    instrumentor.uninstrument()
    assert AsyncBroker.__init__ is original
    assert not has_middleware(broker)
    assert not has_middleware(InMemoryBroker())


def test_one_broker_is_instrumented_once(instrumentor: TaskiqInstrumentor) -> None:
    broker, own = InMemoryBroker(), InMemoryBroker().with_middlewares(OpenTelemetryMiddleware())

    instrumentor.instrument_broker(broker)
    instrumentor.instrument_broker(broker)
    instrumentor.instrument_broker(own)

    assert len(broker.middlewares) == len(own.middlewares) == 1
    instrumentor.uninstrument_broker(broker)
    instrumentor.uninstrument_broker(own)
    assert not has_middleware(broker)
    assert has_middleware(own), "its program added it"


# -- a worker --------------------------------------------------------------------------------------

APP = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from taskiq_opentelemetry import OpenTelemetryMiddleware
from taskiq_zmq import ZeroMQBroker

provider = TracerProvider()
out = open("spans.txt", "a")
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(
    out=out, formatter=lambda span: span.to_json(indent=None) + "\\n")))
broker = ZeroMQBroker("{url}", "{url}").with_middlewares(OpenTelemetryMiddleware(provider))

@broker.task("work")
async def work() -> None: ...
"""


async def test_trace_spans_client_and_worker(tmp_path: Path, telemetry: Telemetry) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    (tmp_path / "app.py").write_text(APP.replace("{url}", url))
    client = ZeroMQBroker(url, url).with_middlewares(OpenTelemetryMiddleware(telemetry.tracers))
    work = client.task("work")(lambda: None)
    command = [sys.executable, "-m", "taskiq_cli", "worker", "app:broker", "--workers", "1"]
    worker = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        async with client:
            await (await work.kiq()).wait_result(timeout=40)
    finally:
        worker.terminate()
        await asyncio.to_thread(worker.wait, 40)

    (created,) = telemetry.spans("create work")
    (line,) = (tmp_path / "spans.txt").read_text().splitlines()
    span = json.loads(line)
    assert span["name"] == "process work"
    assert span["context"]["trace_id"] == f"0x{created.context.trace_id:032x}"
    assert span["parent_id"] == f"0x{created.context.span_id:016x}"


# -- the README ------------------------------------------------------------------------------------


def test_tables_of_the_readme_are_those_of_the_code() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    listed = re.findall(r"^\| `((?:messaging|error|taskiq)\.[\w.]+)` \|", readme, re.MULTILINE)
    constants = vars(conventions).items()

    assert sorted(listed) == sorted(
        value for name, value in constants if name.isupper() and "." in value
    )


def test_program_of_the_readme_runs() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    program = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[0]
    program = program.replace("from taskiq import", "from taskiq_inmemory import").replace(
        "taskiq.middlewares.opentelemetry_middleware", "taskiq_opentelemetry"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=50
    )

    assert '"process __main__:add"' in done.stdout


def test_plugin_names_its_middleware() -> None:
    (spec,) = taskiq_register_middlewares()

    assert spec.factory == "taskiq_opentelemetry:OpenTelemetryMiddleware"
