"""SentTask: one task that was sent during a test."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.result import TaskiqResult


@dataclass(eq=False, slots=True, repr=False)
class SentTask:
    """One task that was sent, and what has become of it.

    Attributes:
        task_name: the name of the task.
        task_id: the id it was sent under.
        args: the arguments by position, as a worker gets them: models are dicts.
        kwargs: the arguments by name.
        labels: those of the task and of the call.
        message: what the broker would have stored.
        sent_at: when it was sent, on the clock of the test.
        due_at: when it can run; later than `sent_at` if it is delayed or waits for a retry.
        expires_at: when it is too late to start it; None for never.
        priority: a higher one is run first.
        unique_key: the key that no other unsettled message may have.
        attempts: how often it was run.
        buried: why it is a dead letter; None if it is not.
        saved_result: its result; None while it has none.
    """

    task_name: str
    task_id: str
    args: list[Any]
    kwargs: dict[str, Any]
    labels: dict[str, Any]
    message: BrokerMessage
    sent_at: datetime
    due_at: datetime
    expires_at: datetime | None = None
    priority: int = 0
    unique_key: str | None = None
    attempts: int = 0
    buried: str | None = None
    saved_result: TaskiqResult[Any] | None = None

    @property
    def result(self) -> TaskiqResult[Any]:
        """The result of the task.

        Raises:
            AssertionError: it has none: it was not run, or it waits for a retry.
        """
        if self.saved_result is None:
            raise AssertionError(f"{self!r} has no result: {self._why_none()}")
        return self.saved_result

    def _why_none(self) -> str:
        if self.attempts:
            return f"attempt {self.attempts} saved none. Does it wait for a retry?"
        return "it was not run. `await taskiq_broker.run_pending()` runs what is due."

    def __repr__(self) -> str:
        return call_text(self.task_name, self.args, self.kwargs)


def call_text(task_name: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    """Return a call as Python writes it.

    Args:
        task_name: of the task.
        args: by position.
        kwargs: by name.
    """
    arguments = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
    return f"{task_name}({', '.join(arguments)})"
