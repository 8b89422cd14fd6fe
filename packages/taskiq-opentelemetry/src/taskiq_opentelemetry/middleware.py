"""OpenTelemetryMiddleware: a trace from the client's send through the worker's run."""

from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import context, metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.metrics import Meter, MeterProvider
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, TracerProvider

from taskiq_core.abc.middleware import TaskiqMiddleware
from taskiq_core.messages.exception_bounds import bounded, safe_str
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import Outcome
from taskiq_core.messages.result import TaskiqResult
from taskiq_opentelemetry.messaging_conventions import MessagingConventions, messaging_scope
from taskiq_opentelemetry.scope import Conventions
from taskiq_opentelemetry.taskiq_conventions import TaskiqConventions, taskiq_scope


@dataclass(frozen=True, slots=True)
class _Current:
    """The span of a message that is sent or run, and what it took the place of."""

    task_id: str
    span: Span
    token: Token[Context]
    outer: "_Current | None"


_CurrentVar = ContextVar[_Current | None]
_sending: Final[_CurrentVar] = ContextVar("taskiq_sending", default=None)
_running: Final[_CurrentVar] = ContextVar("taskiq_running", default=None)


class OpenTelemetryMiddleware(TaskiqMiddleware):
    """Spans and metrics, by default under the names that they have in taskiq 0.13.

    Sending makes a span of kind producer, running one of kind consumer below it: the context
    travels in the message's labels. The producer's span is the current one while the message is
    sent, the consumer's while the task and its dependencies run.

    Args:
        tracer_provider: makes the tracer; the global one by default.
        meter_provider: makes the meter; the global one by default.
        tracer: makes the spans, instead of one by the provider.
        meter: makes the instruments, instead of one by the provider.
        messaging_conventions: whether names follow OpenTelemetry's current conventions for
            messaging instead.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        tracer: Tracer | None = None,
        meter: Meter | None = None,
        *,
        messaging_conventions: bool = False,
    ) -> None:
        super().__init__()
        scope = messaging_scope() if messaging_conventions else taskiq_scope()
        self._tracer = tracer or trace.get_tracer(
            scope.name, scope.version, tracer_provider, scope.schema_url
        )
        meter = meter or metrics.get_meter(
            scope.name, scope.version, meter_provider, scope.schema_url
        )
        self._conventions: Conventions
        if messaging_conventions:
            self._conventions = MessagingConventions(meter)
        else:
            self._conventions = TaskiqConventions(meter, self._is_worker)

    def _is_worker(self) -> bool:
        # `broker` is None until the middleware is added.
        return bool(getattr(self.broker, "is_worker_process", False))

    # -- client -------------------------------------------------------------------------------

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Begin the span of a send, and send its context along."""
        name, attributes = self._conventions.send_span(message)
        span = self._tracer.start_span(name, kind=SpanKind.PRODUCER, attributes=attributes)
        _enter(_sending, message, span)
        propagate.inject(message.labels)
        return message

    def post_send(self, message: TaskiqMessage) -> None:
        """End the span of a send, and count the message."""
        self._conventions.count_sent(message)
        current = _of(_sending, message)
        if current is not None:
            _leave(_sending, current)

    def on_send_error(self, message: TaskiqMessage, exception: BaseException) -> None:
        """End the span of a send that failed."""
        current = _of(_sending, message)
        if current is not None:
            current.span.record_exception(bounded(exception))
            current.span.set_status(StatusCode.ERROR, safe_str(exception))
            _leave(_sending, current)

    # -- worker -------------------------------------------------------------------------------

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Begin the span of a run, and make it the current one."""
        name, attributes = self._conventions.run_span(message)
        span = self._tracer.start_span(
            name,
            context=propagate.extract(message.labels),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
        )
        _enter(_running, message, span)
        self._conventions.count_started(message)
        return message

    def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        """Note what the task raised."""
        current = _of(_running, message)
        if current is not None:
            self._conventions.record_failure(current.span, message, exception)

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Measure the run, and end its span."""
        current = _of(_running, message)
        if current is None:
            return
        self._conventions.record_end(current.span, message, result)
        if not self._conventions.ends_when_settled:
            _leave(_running, current)

    def post_settle(self, message: TaskiqMessage | None, outcome: Outcome) -> None:
        """End the span of a run that was broken off, or that lasts until here."""
        if message is None:
            return
        current = _of(_running, message)
        if current is not None:
            self._conventions.record_outcome(current.span, message, outcome)
            _leave(_running, current)


def _enter(variable: _CurrentVar, message: TaskiqMessage, span: Span) -> None:
    token = context.attach(trace.set_span_in_context(span))
    variable.set(_Current(message.task_id, span, token, variable.get()))


def _leave(variable: _CurrentVar, current: _Current) -> None:
    current.span.end()
    context.detach(current.token)
    variable.set(current.outer)


def _of(variable: _CurrentVar, message: TaskiqMessage) -> _Current | None:
    """Return the span of this message, and not that of the task which sends it."""
    current = variable.get()
    return current if current is not None and current.task_id == message.task_id else None
