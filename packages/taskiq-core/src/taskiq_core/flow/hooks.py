"""The hooks around a run; a middleware that fails makes its task fail."""

from typing import Any

from taskiq_core.flow.run_state import Run
from taskiq_core.loggers import get_logger
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import Outcome
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.middleware_chain import Hook, notify

logger = get_logger(__name__)


async def call_hooks(
    hooks: tuple[Hook, ...],
    message: TaskiqMessage,
    result: TaskiqResult[Any],
    *more: BaseException,
    run: Run,
) -> Exception | None:
    """Call `on_error`, `post_execute` or `post_save` hooks.

    No hook is called after one that raises.

    Args:
        hooks: of all middlewares, in order.
        message: the call.
        result: of the call.
        more: further arguments of the hooks: `on_error` gets the exception.
        run: says whether exceptions go on to the caller of the run.

    Returns:
        The exception of a hook, which is logged; None if all succeeded.
    """
    try:
        await notify(hooks, message, result, *more)
    except Exception as error:
        if run.raise_err:
            raise
        logger.exception("A middleware failed after %s (%s)", message.task_name, message.task_id)
        return error
    return None


async def call_before_saving(
    hooks: tuple[Hook, ...],
    message: TaskiqMessage,
    result: TaskiqResult[Any],
    *more: BaseException,
    run: Run,
) -> None:
    """Call hooks whose failure becomes the result of a task that succeeded; see `call_hooks`."""
    error = await call_hooks(hooks, message, result, *more, run=run)
    if error is not None and not result.is_err:
        result.is_err, result.return_value, result.error = True, None, error


async def call_after_settling(
    hooks: tuple[Hook, ...],
    message: TaskiqMessage | None,
    outcome: Outcome,
) -> None:
    """Call `post_settle` hooks, and log an exception of theirs: nothing can be changed any more.

    Args:
        hooks: of all middlewares, in order.
        message: the call; None if its bytes can't be read.
        outcome: how the delivery was settled.
    """
    try:
        await notify(hooks, message, outcome)
    except Exception:
        name = "an unreadable message"
        if message is not None:
            name = f"{message.task_name} ({message.task_id})"
        logger.exception("A middleware failed after %s was settled", name)
