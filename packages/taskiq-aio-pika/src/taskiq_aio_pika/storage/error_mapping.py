"""Errors of aiormq, as errors of this package."""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import aiormq.exceptions
from pamqp import commands

from taskiq_aio_pika.errors import (
    QueueMissingError,
    RabbitCommandError,
    RabbitLoginError,
    RabbitRightsError,
    RabbitTimeoutError,
    RabbitUnreachableError,
)
from taskiq_core.exceptions import BrokerError

_T = TypeVar("_T")
_NOT_ALLOWED: Final = 530
"""Reply code of a virtual host that does not exist, or that the user may not use."""

_REFUSED: Final = (
    aiormq.exceptions.ChannelPreconditionFailed,
    aiormq.exceptions.ChannelLockedResource,
)


def _is_login(error: BaseException) -> bool:
    refused = (
        aiormq.exceptions.ProbableAuthenticationError,
        aiormq.exceptions.AuthenticationError,
        aiormq.exceptions.ConnectionNotAllowed,
    )
    is_closed = isinstance(error, aiormq.exceptions.ConnectionClosed)
    return isinstance(error, refused) or (is_closed and error.args[:1] == (_NOT_ALLOWED,))


def as_broker_error(error: BaseException, address: str, *, timeout: float = 0) -> BrokerError:
    """Return the error of this package for one of aiormq or of the operating system.

    Args:
        error: what was raised.
        address: of the server.
        timeout: seconds that were waited for.
    """
    if isinstance(error, BrokerError):
        return error
    if isinstance(error, TimeoutError):
        return RabbitTimeoutError(address=address, timeout=timeout)
    if isinstance(error, aiormq.exceptions.PublishError):
        return QueueMissingError(address=address, queue=_routing_key(error))
    reason = " ".join(str(part) for part in error.args if part) or type(error).__name__
    if _is_login(error):
        return RabbitLoginError(address=address, reason=reason)
    return _refusal(error, address, reason) or RabbitUnreachableError(
        address=address, reason=reason
    )


def _routing_key(error: aiormq.exceptions.PublishError) -> str:
    return str(error.message.routing_key if error.message is not None else "?")


def _refusal(error: BaseException, address: str, reason: str) -> RabbitCommandError | None:
    """Return the error for a command that the server refused; None for any other error."""
    if isinstance(error, aiormq.exceptions.ChannelAccessRefused):
        return RabbitRightsError(address=address, reason=reason)
    if isinstance(error, aiormq.exceptions.ChannelNotFoundEntity):
        return QueueMissingError(address=address, queue=reason)
    if isinstance(error, aiormq.exceptions.DeliveryError):
        refused = isinstance(error.frame, commands.Basic.Nack)
        text = "it did not take the message; is the queue full?" if refused else str(error)
        return RabbitCommandError(address=address, reason=text)
    if isinstance(error, _REFUSED):
        return RabbitCommandError(address=address, reason=reason)
    return None


@contextmanager
def mapped_errors(address: str, *, timeout: float = 0) -> Generator[None, None, None]:
    """Raise errors of aiormq as those of this package.

    aiormq cancels what waits for a connection that is closed; a cancellation of the
    caller is another matter, and goes on.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RabbitUnreachableError(address=address, reason="the connection ended") from error
    except (
        aiormq.exceptions.AMQPError,
        aiormq.exceptions.ChannelInvalidStateError,
        OSError,  # also TimeoutError
        RuntimeError,  # a connection that is being closed
    ) as error:
        raise as_broker_error(error, address, timeout=timeout) from error


async def to_the_end(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Await a coroutine that goes on if the caller is cancelled.

    aiormq closes a channel whose call is cancelled, and with it all that the channel holds.
    """
    task = asyncio.ensure_future(coroutine)
    task.add_done_callback(_retrieve)
    return await asyncio.shield(task)


def _retrieve(task: "asyncio.Future[Any]") -> None:
    if not task.cancelled():
        task.exception()
