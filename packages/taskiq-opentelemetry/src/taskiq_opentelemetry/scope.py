"""What a set of conventions says of spans and metrics; `OpenTelemetryMiddleware` chooses one."""

from dataclasses import dataclass
from typing import Any, Protocol

from opentelemetry.trace import Span

from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import Outcome
from taskiq_core.messages.result import TaskiqResult

Attributes = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Scope:
    """Under which instrumentation scope spans and metrics are exported."""

    name: str
    version: str
    schema_url: str | None = None


class Conventions(Protocol):
    """Names, attributes and instruments.

    Attributes:
        ends_when_settled: whether the span of a run ends when its delivery is settled; it ends
            after `post_execute` otherwise.
    """

    ends_when_settled: bool

    def send_span(self, message: TaskiqMessage) -> tuple[str, Attributes]:
        """Return name and attributes of the span of a send."""
        ...

    def run_span(self, message: TaskiqMessage) -> tuple[str, Attributes]:
        """Return name and attributes of the span of a run, when it begins."""
        ...

    def count_sent(self, message: TaskiqMessage) -> None:
        """Measure that a message was sent."""
        ...

    def count_started(self, message: TaskiqMessage) -> None:
        """Measure that a run begins."""
        ...

    def record_failure(self, span: Span, message: TaskiqMessage, error: BaseException) -> None:
        """Note on its span that the task failed.

        Args:
            span: the span of the run.
            message: the message of the task.
            error: what the function raised.
        """
        ...

    def record_end(self, span: Span, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Measure a run that has ended, and complete its span.

        Args:
            span: the span of the run.
            message: the message of the task.
            result: what the run left.
        """
        ...

    def record_outcome(self, span: Span, message: TaskiqMessage, outcome: Outcome) -> None:
        """Note on a span, if it has not ended, what became of the message.

        Args:
            span: the span of the run.
            message: the message of the task.
            outcome: whether it was acknowledged, released or buried.
        """
        ...
