"""The names of taskiq 0.13, on which dashboards and alerts hang."""

import time
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import psutil
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.trace import Span, StatusCode

from taskiq_core.exceptions import NoResultError
from taskiq_core.messages.exception_bounds import bounded, safe_str
from taskiq_core.messages.labels import DELAY, REQUEUE, RETRIES, TIMEOUT
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import Outcome
from taskiq_core.messages.result import TaskiqResult
from taskiq_opentelemetry.scope import Attributes, Scope

ACTION: Final = "taskiq.action"
TASK_NAME: Final = "taskiq.task_name"
MESSAGE_ID: Final = "messaging.message.id"
RETRY_REASON: Final = "taskiq.retry.reason"

TASKS_SENT: Final = "tasks_sent"
TASK_SUCCESS: Final = "task_success"
TASK_ERRORS: Final = "task_errors"
TASK_EXECUTION_TIME: Final = "task_execution_time"
TASK_WAIT_TIME: Final = "task_wait_time"
WORKER_ACTIVE_TASKS: Final = "worker_active_tasks"
WORKER_CPU_UTILIZATION: Final = "worker_cpu_utilization"
WORKER_MEMORY_UTILIZATION: Final = "worker_memory_utilization"

QUEUE_TIME: Final = "_taskiq_queue_time"
"""float, seconds since the epoch: the label that says when a message was sent."""
RECEIVE_TIME: Final = "_taskiq_broker_receive_time"
"""float, seconds since the epoch: the label that says when a worker began with a message."""
_RETRY_ON_ERROR: Final = "retry_on_error"

_SHOWN_LABELS: Final = (RETRIES, DELAY, "max_retries", _RETRY_ON_ERROR, TIMEOUT, REQUEUE)


def taskiq_scope() -> Scope:
    """Return the scope of these spans and metrics."""
    return Scope(
        "taskiq.middlewares.opentelemetry_middleware",  # not an import
        _version(),
        "https://opentelemetry.io/schemas/1.11.0",
    )


class TaskiqConventions:
    """The span of a send is `send/TASK`, that of a run `execute/TASK`.

    Args:
        meter: makes the instruments.
        is_worker: whether this process is a worker, whose CPU and memory are measured.
    """

    ends_when_settled = False

    def __init__(self, meter: Meter, is_worker: Callable[[], bool]) -> None:
        self._sent = meter.create_counter(TASKS_SENT, "1", "Tasks that were sent")
        self._successes = meter.create_counter(TASK_SUCCESS, "1", "Tasks that returned")
        self._errors = meter.create_counter(TASK_ERRORS, "1", "Tasks that raised")
        self._execution_time = meter.create_histogram(
            TASK_EXECUTION_TIME, "s", "Seconds that functions ran"
        )
        self._wait_time = meter.create_histogram(
            TASK_WAIT_TIME, "s", "Seconds from sending a message to its receipt"
        )
        self._active = meter.create_up_down_counter(WORKER_ACTIVE_TASKS, "1", "Tasks that run now")
        _observe_process(meter, is_worker)

    def send_span(self, message: TaskiqMessage) -> tuple[str, Attributes]:
        """Return name and attributes of the span of a send; note the time on the message."""
        message.labels[QUEUE_TIME] = time.time()
        return f"send/{message.task_name}", _span_attributes(message, "send")

    def run_span(self, message: TaskiqMessage) -> tuple[str, Attributes]:
        """Return the name of the span of a run; its attributes are set when it ends."""
        message.labels[RECEIVE_TIME] = time.time()
        return f"execute/{message.task_name}", {}

    def count_sent(self, message: TaskiqMessage) -> None:
        """Count a message."""
        self._sent.add(1, _metric_attributes(message))

    def count_started(self, message: TaskiqMessage) -> None:
        """Count a run, and measure how long its message waited."""
        attributes = _metric_attributes(message)
        self._active.add(1, attributes)
        try:
            waited = float(message.labels[RECEIVE_TIME]) - float(message.labels[QUEUE_TIME])
        except (KeyError, TypeError, ValueError):
            return  # sent by a client that does not measure
        self._wait_time.record(max(0.0, waited), attributes)  # clocks differ

    def record_failure(self, span: Span, message: TaskiqMessage, error: BaseException) -> None:
        """Record the exception, or the text of a retry, see `Conventions.record_failure`."""
        if isinstance(error, NoResultError):
            return  # control flow
        is_retried = _is_true(message.labels.get(_RETRY_ON_ERROR))
        self._errors.add(1, {**_metric_attributes(message), "retry_error": is_retried})
        if is_retried:
            span.set_attribute(RETRY_REASON, safe_str(error))
        else:
            span.record_exception(bounded(error))
            span.set_status(StatusCode.ERROR, safe_str(error))

    def record_end(self, span: Span, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Measure the run, and set the attributes of its span, see `Conventions.record_end`."""
        attributes = _metric_attributes(message)
        self._active.add(-1, attributes)
        self._execution_time.record(result.execution_time, attributes)
        if not result.is_err:
            self._successes.add(1, attributes)
        span.set_attributes(_span_attributes(message, "execute"))

    def record_outcome(self, span: Span, message: TaskiqMessage, outcome: Outcome) -> None:
        """Measure the end of a run that was broken off, see `Conventions.record_outcome`."""
        self._active.add(-1, _metric_attributes(message))


def _span_attributes(message: TaskiqMessage, action: str) -> Attributes:
    attributes: Attributes = {
        ACTION: action,
        TASK_NAME: message.task_name,
        MESSAGE_ID: message.task_id,
    }
    for label in _SHOWN_LABELS:
        value = message.labels.get(label)
        if value is None or (label == RETRIES and value == "0"):
            continue
        attributes[f"taskiq.{label}"] = (  # not an import
            value if isinstance(value, str | int | float | bool) else str(value)
        )
    return attributes


def _metric_attributes(message: TaskiqMessage) -> Attributes:
    return {"task_name": message.task_name}


def _is_true(label: Any) -> bool:
    return label.lower() == "true" if isinstance(label, str) else bool(label)


def _observe_process(meter: Meter, is_worker: Callable[[], bool]) -> None:
    process = psutil.Process()

    def cpu(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(process.cpu_percent())] if is_worker() else []

    def memory(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(process.memory_info().rss)] if is_worker() else []

    meter.create_observable_gauge(
        WORKER_CPU_UTILIZATION, [cpu], unit="%", description="CPU time of the worker, of one core"
    )
    meter.create_observable_gauge(
        WORKER_MEMORY_UTILIZATION, [memory], unit="By", description="Resident size of the worker"
    )


def _version() -> str:
    try:
        return version("taskiq")
    except PackageNotFoundError:  # plugins need only its core
        return version("taskiq-core")
