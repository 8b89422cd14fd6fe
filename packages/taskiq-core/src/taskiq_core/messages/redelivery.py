"""Who delivers a failed message again: its receiver, or the middleware that wants the retry."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from taskiq_core.messages.message import TaskiqMessage


@dataclass(frozen=True, slots=True)
class Redelivery:
    """What the receiver of a failed message does with a `TaskRetryError`.

    Attributes:
        task_id: of the message.
        is_release: whether the same message is released to its broker. If not, the receiver holds
            the message for the delay, and then sends it again.
    """

    task_id: str
    is_release: bool


_current: ContextVar[Redelivery | None] = ContextVar("taskiq_redelivery", default=None)


def redelivery_of(message: TaskiqMessage) -> Redelivery | None:
    """Return how the receiver would deliver a message again; for `on_error` hooks.

    Returns:
        None if `on_error` was not called by the receiver of this message. Nothing reads
        `result.error` then, so that the middleware has to send the message itself.
    """
    current = _current.get()
    return current if current is not None and current.task_id == message.task_id else None


@contextmanager
def redelivering(redelivery: Redelivery | None) -> Generator[None, None, None]:
    """Let `on_error` hooks know how their message would be delivered again."""
    token = _current.set(redelivery)
    try:
        yield
    finally:
        _current.reset(token)
