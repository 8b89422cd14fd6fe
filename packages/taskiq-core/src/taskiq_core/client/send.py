"""Sending one message: middlewares, formatter, broker."""

import copy
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.client.argument_errors import explain_unsendable
from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.message import BrokerMessage, TaskiqMessage
from taskiq_core.middleware_chain import MiddlewareChain, notify, transform


class Carrier(Protocol):
    """What a message is sent with: a broker, or an object that has these members of one."""

    formatter: TaskiqFormatter

    def kick(self, message: BrokerMessage) -> Awaitable[None]:
        """Store a message."""
        ...


async def send_message(
    message: TaskiqMessage,
    carrier: Carrier,
    chain: MiddlewareChain,
    *,
    check: Callable[[TaskiqMessage], None] | None = None,
) -> None:
    """Send a message through middlewares, formatter and `kick`.

    Args:
        message: what to send.
        carrier: the broker.
        chain: its middlewares.
        check: raises for a message that the broker can't carry, as the middlewares have left it.

    Raises:
        TaskArgumentError: an argument can't be serialized.
        SendTaskError: `kick` failed, or `check` says so. Its `__cause__` is never None.
    """
    try:
        if chain.pre_send:
            message = await transform(chain.pre_send, message)
        if check is not None:
            check(message)
        try:
            formatted = carrier.formatter.dumps(message)
        except Exception as error:
            raise explain_unsendable(message, carrier.formatter, error) from error
        try:
            await carrier.kick(formatted)
        except Exception as error:  # noqa: BLE001  # any broker, any failure of its connection
            raise _send_error(message, error) from (error.__cause__ if _has_cause(error) else error)
    except BaseException as error:
        if chain.on_send_error:
            await notify(chain.on_send_error, message, error)
        raise
    if chain.post_send:
        await notify(chain.post_send, message)


async def send_by_parts(message: TaskiqMessage, carrier: Any) -> None:
    """Send a message with an object that has middlewares, formatter and `kick`, and no `send`."""
    await send_message(message, carrier, MiddlewareChain(list(carrier.middlewares)))


def _has_cause(error: Exception) -> bool:
    return isinstance(error, SendTaskError) and error.__cause__ is not None


def _send_error(message: TaskiqMessage, error: Exception) -> SendTaskError:
    if not isinstance(error, SendTaskError):
        return SendTaskError(task_name=message.task_name, reason=str(error))
    # An exception can't be its own cause, so the caller gets a copy of one that has none.
    return error if error.__cause__ is not None else copy.copy(error)
