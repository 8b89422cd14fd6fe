"""OpenTelemetryMiddleware: a trace from the client's send through the worker's run."""

from contextvars import ContextVar, Token
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from opentelemetry import context, metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.metrics import Meter, MeterProvider
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, TracerProvider

from taskiq_core.abc.middleware import TaskiqMiddleware
from taskiq_core.exceptions import NoResultError
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import Bury, Outcome, Release
from taskiq_core.messages.result import TaskiqResult
from taskiq_opentelemetry import conventions as names

_LIBRARY = "taskiq-opentelemetry"


@dataclass(frozen=True, slots=True)
class _Running:
    """The span of a task that runs, and what it took the place of."""

    task_id: str
    span: Span
    token: Token[Context]


_running: ContextVar[_Running | None] = ContextVar("taskiq_running", default=None)


class OpenTelemetryMiddleware(TaskiqMiddleware):
    """Spans and metrics by OpenTelemetry's conventions for messaging.

    Sending makes a span of kind producer, running one of kind consumer below it: the context
    travels in the message's labels. The consumer's span is the current one while the task and its
    dependencies run, and ends when the delivery is settled.

    Args:
        tracer_provider: makes the tracer; the global one by default.
        meter_provider: makes the meter; the global one by default.
        tracer: makes the spans, instead of one by the provider.
        meter: makes the instruments, instead of one by the provider.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        tracer: Tracer | None = None,
        meter: Meter | None = None,
    ) -> None:
        super().__init__()
        library = version(_LIBRARY)
        self._tracer = tracer or trace.get_tracer(_LIBRARY, library, tracer_provider)
        meter = meter or metrics.get_meter(_LIBRARY, library, meter_provider)
        self._sent = meter.create_counter(
            names.SENT_MESSAGES, unit="{message}", description="Messages that were sent"
        )
        self._consumed = meter.create_counter(
            names.CONSUMED_MESSAGES, unit="{message}", description="Runs that were begun"
        )
        self._duration = meter.create_histogram(
            names.PROCESS_DURATION, unit="s", description="Seconds that functions ran"
        )

    # -- client -------------------------------------------------------------------------------

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Make the span that runs of the task are below, and send its context along.

        It ends at once: a send that fails has no hook that would end it.
        """
        with self._tracer.start_as_current_span(
            f"create {message.task_name}",
            kind=SpanKind.PRODUCER,
            attributes=names.span_attributes(message, "create"),
        ):
            propagate.inject(message.labels)
        return message

    def post_send(self, message: TaskiqMessage) -> None:
        """Count a message that was sent."""
        self._sent.add(1, names.metric_attributes(message, "send"))

    # -- worker -------------------------------------------------------------------------------

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Begin the span of a run, and make it the current one."""
        span = self._tracer.start_span(
            f"process {message.task_name}",
            context=propagate.extract(message.labels),
            kind=SpanKind.CONSUMER,
            attributes=names.span_attributes(message, "process"),
        )
        token = context.attach(trace.set_span_in_context(span))
        _running.set(_Running(message.task_id, span, token))
        self._consumed.add(1, names.metric_attributes(message, "process"))
        return message

    def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        """Record what the task raised; exceptions for control flow are not errors."""
        running = _of(message)
        if running is None or isinstance(exception, NoResultError):
            return
        running.span.record_exception(exception)
        running.span.set_status(StatusCode.ERROR, str(exception))
        running.span.set_attribute(names.ERROR_TYPE, names.error_type(exception))

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Measure how long the function ran."""
        attributes = names.metric_attributes(message, "process")
        if result.error is not None and not isinstance(result.error, NoResultError):
            attributes[names.ERROR_TYPE] = names.error_type(result.error)
        self._duration.record(result.execution_time, attributes)

    def post_settle(self, message: TaskiqMessage | None, outcome: Outcome) -> None:
        """End the span of the run, with the outcome of the message."""
        running = None if message is None else _of(message)
        if running is None:
            return
        if isinstance(outcome, Release):
            running.span.add_event("released", {"delay": outcome.delay})
        elif isinstance(outcome, Bury):
            running.span.add_event("buried", {"reason": outcome.reason})
        running.span.end()
        context.detach(running.token)
        _running.set(None)


def _of(message: TaskiqMessage) -> _Running | None:
    """Return the span of this message's run, not that of the task which sent it."""
    running = _running.get()
    return running if running is not None and running.task_id == message.task_id else None
