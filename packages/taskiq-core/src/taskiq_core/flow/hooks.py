"""The hooks around a run; a middleware that fails makes its task fail."""

import logging
from typing import Any

from taskiq_core.message import TaskiqMessage
from taskiq_core.middleware_chain import Hook, notify
from taskiq_core.result import TaskiqResult

logger = logging.getLogger(__name__)


async def call_hooks(
    hooks: tuple[Hook, ...],
    message: TaskiqMessage,
    result: TaskiqResult[Any],
    *more: BaseException,
) -> None:
    """Call `on_error`, `post_execute` or `post_save` hooks.

    The first one that raises ends it. Its exception is logged, and becomes the result of a task
    that had succeeded; after the result was stored it can only be logged.
    """
    try:
        await notify(hooks, message, result, *more)
    except Exception as error:
        logger.exception("A middleware failed after %s (%s)", message.task_name, message.task_id)
        if not result.is_err:
            result.is_err, result.return_value, result.error = True, None, error
