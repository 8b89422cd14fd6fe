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

from taskiq_core import TaskiqMessage, TaskiqMiddleware
from taskiq_core.broker import AsyncBroker
from taskiq_core.messages import labels
from taskiq_inmemory import InMemoryBroker
from taskiq_opentelemetry import (
    OpenTelemetryMiddleware,
    TaskiqInstrumentor,
    messaging_conventions,
    taskiq_conventions,
)
from taskiq_opentelemetry.plugin import taskiq_register_middlewares
from taskiq_zmq import ZeroMQBroker


class Sends(TaskiqMiddleware):
    """Notes the span that is current in its hooks."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[int] = []

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        self.spans.append(trace.get_current_span().get_span_context().span_id)
        return message

    post_send = pre_execute = pre_send  # type: ignore[assignment]  # what they return is not used


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
    instrumentor: TaskiqInstrumentor, telemetry: Any
) -> None:
    before, original = InMemoryBroker(), AsyncBroker.__init__
    instrumentor.instrument(tracer_provider=telemetry.tracers, meter_provider=telemetry.meters)
    broker = InMemoryBroker()
    broker.task("t")(lambda: None)

    task = broker.find_task("t")
    assert task is not None
    await task.kiq()
    await broker.wait_all()

    assert len(telemetry.spans("execute/t")) == 1
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


async def test_middleware_of_an_instrumented_broker_is_the_first_one(
    instrumentor: TaskiqInstrumentor, telemetry: Any
) -> None:
    others = Sends()
    broker = InMemoryBroker().with_middlewares(others)
    broker.task("t")(lambda: None)
    instrumentor.instrument_broker(broker, telemetry.tracers, telemetry.meters)

    task = broker.find_task("t")
    assert task is not None
    await task.kiq()
    await broker.wait_all()

    (sent,), (run,) = telemetry.spans("send/t"), telemetry.spans("execute/t")
    assert sorted(others.spans) == sorted(
        [sent.context.span_id, sent.context.span_id, run.context.span_id]
    )
    assert broker.middlewares[0].broker is broker


async def test_instrumentor_passes_the_conventions_on(
    instrumentor: TaskiqInstrumentor, telemetry: Any
) -> None:
    instrumentor.instrument(
        tracer_provider=telemetry.tracers,
        meter_provider=telemetry.meters,
        messaging_conventions=True,
    )
    broker = InMemoryBroker()

    await broker.task("t")(lambda: None).kiq()
    await broker.wait_all()

    assert len(telemetry.spans("process t")) == 1


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


async def test_trace_spans_client_and_worker(tmp_path: Path, telemetry: Any) -> None:
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

    (sent,) = telemetry.spans("send/work")
    (line,) = (tmp_path / "spans.txt").read_text().splitlines()
    span = json.loads(line)
    assert span["name"] == "execute/work"
    assert span["context"]["trace_id"] == f"0x{sent.context.trace_id:032x}"
    assert span["parent_id"] == f"0x{sent.context.span_id:016x}"


# -- the README ------------------------------------------------------------------------------------


def test_tables_of_the_readme_are_those_of_the_code() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    _, tables = readme.split("## Names")
    by_default, asked_for = tables.split("## With the conventions for messaging")

    for section, module in (
        (by_default, taskiq_conventions),
        (asked_for, messaging_conventions),
    ):
        listed = re.findall(r"^\| `([\w.]+)`(?:,[^|]*)? \|", section, re.MULTILINE)
        constants = vars(module).items()
        assert sorted(listed) == sorted(
            value
            for name, value in constants
            if name.isupper() and not name.startswith("_") and not hasattr(labels, name)
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

    assert '"execute/__main__:add"' in done.stdout


def test_plugin_names_its_middleware() -> None:
    (spec,) = taskiq_register_middlewares()

    assert spec.factory == "taskiq_opentelemetry:OpenTelemetryMiddleware"
