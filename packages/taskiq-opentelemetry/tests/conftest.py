"""A broker that is traced, and what was exported."""

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from taskiq_inmemory import InMemoryBroker
from taskiq_opentelemetry import OpenTelemetryMiddleware


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
        if data is None:
            return []
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


@pytest.fixture
def messaging_broker(telemetry: Telemetry) -> InMemoryBroker:
    return InMemoryBroker().with_middlewares(
        OpenTelemetryMiddleware(telemetry.tracers, telemetry.meters, messaging_conventions=True)
    )
