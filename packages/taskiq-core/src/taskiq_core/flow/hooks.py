"""The hooks around a run; a middleware that fails makes its task fail."""

import logging
from typing import Any

from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import Outcome
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.middleware_chain import Hook, notify

logger = logging.getLogger(__name__)


async def call_hooks(
    hooks: tuple[Hook, ...],
    message: TaskiqMessage,
    result: TaskiqResult[Any],
    *more: BaseException,
) -> Exception | None:
    """Call `on_error`, `post_execute` or `post_save` hooks.

    The first one that raises ends it; what it raised is logged and returned.
    """
    try:
        await notify(hooks, message, result, *more)
    except Exception as error:
        logger.exception("A middleware failed after %s (%s)", message.task_name, message.task_id)
        return error
    return None


async def call_before_saving(
    hooks: tuple[Hook, ...],
    message: TaskiqMessage,
    result: TaskiqResult[Any],
    *more: BaseException,
) -> None:
    """The same, while the result can still tell: it becomes that of a task that had succeeded."""
    error = await call_hooks(hooks, message, result, *more)
    if error is not None and not result.is_err:
        result.is_err, result.return_value, result.error = True, None, error


async def call_after_settling(
    hooks: tuple[Hook, ...],
    message: TaskiqMessage | None,
    outcome: Outcome,
) -> None:
    """Call `post_settle` hooks; what they raise is logged, and changes nothing any more."""
    try:
        await notify(hooks, message, outcome)
    except Exception:
        name = "an unreadable message"
        if message is not None:
            name = f"{message.task_name} ({message.task_id})"
        logger.exception("A middleware failed after %s was settled", name)
