"""When and how a message is acknowledged."""

import inspect
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

from pydantic import BaseModel


class AcknowledgeType(str, Enum):  # noqa: UP042  # 0.13's text form is the member's name
    """At which step of its life a delivery is acknowledged."""

    WHEN_RECEIVED = "when_received"
    """Before the function runs: a worker that dies loses the task (at most once)."""
    WHEN_EXECUTED = "when_executed"
    """After the function ran, before its result is stored."""
    WHEN_SAVED = "when_saved"
    """After the result is stored: nothing is lost (at least once). The default."""
    MANUAL = "manual"
    """By the task itself, with `await context.ack()`."""


def parse_acknowledge_type(value: Any) -> AcknowledgeType:
    """The acknowledgement type that a label or an option names.

    Raises:
        ValueError: there is no such type; the message lists those there are.
    """
    if isinstance(value, AcknowledgeType):
        return value
    text = str(value).lower()
    for member in AcknowledgeType:
        if text in (member.value, str(member).lower()):
            return member
    known = ", ".join(member.value for member in AcknowledgeType)
    raise ValueError(f"{value!r} is not an acknowledgement type; use one of {known}")


class AckableMessage(BaseModel):
    """What a simple broker's `listen` yields: bytes, and how to acknowledge them.

    `data` may be given as text, it is encoded as UTF-8. `ack` may be a plain function or a
    coroutine function.
    """

    data: bytes
    ack: Callable[[], Awaitable[None] | None]


class AckController:
    """Acknowledges one delivery, at most once, for the task and for the worker."""

    __slots__ = ("_ack", "is_acked")

    def __init__(self, ack: Callable[[], Awaitable[None] | None] | None) -> None:
        self._ack = ack
        self.is_acked = False

    @property
    def is_ackable(self) -> bool:
        """Whether the broker wants an acknowledgement at all."""
        return self._ack is not None

    async def ack(self) -> None:
        """Acknowledge, unless that was done; an error of the broker leaves it undone."""
        if self.is_acked or self._ack is None:
            return
        pending = self._ack()
        if inspect.isawaitable(pending):
            await pending
        self.is_acked = True
