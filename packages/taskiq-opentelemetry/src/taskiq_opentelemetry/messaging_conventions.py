"""OpenTelemetry's current conventions for messaging, and two names of ours.

Source: OpenTelemetry, "Semantic conventions for messaging spans" and "... messaging metrics". They
are in development there, so the names are written out instead of imported from a private module.
"""

from importlib.metadata import version
from typing import Any, Final

from opentelemetry.metrics import Meter
from opentelemetry.trace import Span, StatusCode

from taskiq_core.exceptions import NoResultError
from taskiq_core.messages.exception_bounds import bounded, safe_str
from taskiq_core.messages.labels import attempt_of
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import Bury, Outcome, Release
from taskiq_core.messages.result import TaskiqResult
from taskiq_opentelemetry.scope import Attributes, Scope

SYSTEM: Final = "messaging.system"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGE_ID: Final = "messaging.message.id"
DESTINATION: Final = "messaging.destination.name"
ERROR_TYPE: Final = "error.type"
TASK_NAME: Final = "taskiq.task.name"
ATTEMPT: Final = "taskiq.attempt"

SENT_MESSAGES: Final = "messaging.client.sent.messages"
CONSUMED_MESSAGES: Final = "messaging.client.consumed.messages"
PROCESS_DURATION: Final = "messaging.process.duration"

_QUEUE_NAME: Final = "queue_name"
"""str: the label by which tasks name a queue of their broker."""

_LIBRARY: Final = "taskiq-opentelemetry"


def messaging_scope() -> Scope:
    """Return the scope of these spans and metrics."""
    return Scope(_LIBRARY, version(_LIBRARY))


class MessagingConventions:
    """The span of a run lasts until its delivery is settled, and says how.

    Args:
        meter: makes the instruments.
    """

    ends_when_settled = True

    def __init__(self, meter: Meter) -> None:
        self._sent = meter.create_counter(
            SENT_MESSAGES, unit="{message}", description="Messages that were sent"
        )
        self._consumed = meter.create_counter(
            CONSUMED_MESSAGES, unit="{message}", description="Runs that were begun"
        )
        self._duration = meter.create_histogram(
            PROCESS_DURATION, unit="s", description="Seconds that functions ran"
        )

    def send_span(self, message: TaskiqMessage) -> tuple[str, Attributes]:
        """Return name and attributes of the span of a send."""
        return f"send {message.task_name}", _span_attributes(message, "send")

    def run_span(self, message: TaskiqMessage) -> tuple[str, Attributes]:
        """Return name and attributes of the span of a run."""
        return f"process {message.task_name}", _span_attributes(message, "process")

    def count_sent(self, message: TaskiqMessage) -> None:
        """Count a message."""
        self._sent.add(1, _metric_attributes(message, "send"))

    def count_started(self, message: TaskiqMessage) -> None:
        """Count a run."""
        self._consumed.add(1, _metric_attributes(message, "process"))

    def record_failure(self, span: Span, message: TaskiqMessage, error: BaseException) -> None:
        """Record the exception, unless it is control flow, see `Conventions.record_failure`."""
        if isinstance(error, NoResultError):
            return
        span.record_exception(bounded(error))
        span.set_status(StatusCode.ERROR, safe_str(error))
        span.set_attribute(ERROR_TYPE, _error_type(error))

    def record_end(self, span: Span, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Measure how long the function ran, see `Conventions.record_end`."""
        attributes = _metric_attributes(message, "process")
        if result.error is not None and not isinstance(result.error, NoResultError):
            attributes[ERROR_TYPE] = _error_type(result.error)
        self._duration.record(result.execution_time, attributes)

    def record_outcome(self, span: Span, message: TaskiqMessage, outcome: Outcome) -> None:
        """Note that a message was given back or given up, see `Conventions.record_outcome`."""
        if isinstance(outcome, Release):
            span.add_event("released", {"delay": outcome.delay})
        elif isinstance(outcome, Bury):
            span.add_event("buried", {"reason": outcome.reason})


def _span_attributes(message: TaskiqMessage, operation: str) -> Attributes:
    return {
        **_metric_attributes(message, operation),
        OPERATION_TYPE: operation,
        MESSAGE_ID: message.task_id,
        ATTEMPT: attempt_of(message.labels),
    }


def _metric_attributes(message: TaskiqMessage, operation: str) -> Attributes:
    """Return what a measurement says of its message: few values, as each makes a time series."""
    return {
        SYSTEM: "taskiq",
        OPERATION_NAME: operation,
        DESTINATION: str(message.labels.get(_QUEUE_NAME, message.task_name)),
        TASK_NAME: message.task_name,
    }


def _error_type(error: BaseException) -> str:
    cls = type(error)
    return f"{cls.__module__}.{cls.__qualname__}".removeprefix("builtins.")
