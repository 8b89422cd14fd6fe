"""The contract of middlewares: hooks around sending and running tasks."""

from collections.abc import Coroutine
from typing import Any

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import Outcome
from taskiq_core.messages.result import TaskiqResult


class TaskiqMiddleware:
    """Hooks around sending and running tasks; override those you need, as plain or async functions.

    `pre_send` and `pre_execute` run in the order of registration, the others in reversed order. A
    hook that raises on the worker's side makes the task fail with that exception, unless its result
    is stored by then.

    Attributes:
        broker: the broker that the middleware was added to.
    """

    def __init__(self) -> None:
        self.broker: AbstractBroker = None  # type: ignore[assignment]  # set by set_broker

    def set_broker(self, broker: AbstractBroker) -> None:
        """Called when the middleware is added to a broker."""
        self.broker = broker

    def startup(self) -> Coroutine[Any, Any, None] | None:
        """The broker starts up."""

    def shutdown(self) -> Coroutine[Any, Any, None] | None:
        """The broker shuts down."""

    def pre_send(
        self,
        message: TaskiqMessage,
    ) -> TaskiqMessage | Coroutine[Any, Any, TaskiqMessage]:
        """Return the message to send, for a task that is about to be sent."""
        return message

    def post_send(self, message: TaskiqMessage) -> Coroutine[Any, Any, None] | None:
        """A task was sent."""

    def pre_execute(
        self,
        message: TaskiqMessage,
    ) -> TaskiqMessage | Coroutine[Any, Any, TaskiqMessage]:
        """Return the message to run a task with, before it runs."""
        return message

    def post_execute(
        self,
        message: TaskiqMessage,
        result: TaskiqResult[Any],
    ) -> Coroutine[Any, Any, None] | None:
        """A task ran; `result` may be changed before it is stored."""

    def post_save(
        self,
        message: TaskiqMessage,
        result: TaskiqResult[Any],
    ) -> Coroutine[Any, Any, None] | None:
        """The result of a task was stored."""

    def on_error(
        self,
        message: TaskiqMessage,
        result: TaskiqResult[Any],
        exception: BaseException,
    ) -> Coroutine[Any, Any, None] | None:
        """A task raised; called before `post_execute`.

        Set `result.error` to a `TaskRetryError` to have the message delivered again, or to a
        `NoResultError` to have no result stored; set the label `BURY` to have the message buried
        when its result is stored.

        Args:
            message: the message of the task.
            result: the error result, which may be changed.
            exception: what the task raised.
        """

    def post_settle(
        self,
        message: TaskiqMessage | None,
        outcome: Outcome,
    ) -> Coroutine[Any, Any, None] | None:
        """A delivery has ended: the last hook that is called for it.

        Called once for each delivery that a worker took, whether its task was run or not: messages
        that it released or buried are seen here, too.

        Args:
            message: what was delivered; None for bytes that could not be read.
            outcome: `Ack`, `Release` or `Bury`; `Leave` if the message was left to another worker,
                because the lease was lost or the broker could not be reached.
        """
