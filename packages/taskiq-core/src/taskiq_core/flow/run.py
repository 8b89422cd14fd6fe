"""Running one task: arguments, dependencies, the function, its time limit."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from time import monotonic
from typing import Any

from taskiq_core.client.context import Context
from taskiq_core.exceptions import TaskTimeoutError
from taskiq_core.flow.dependencies import DependencyScope
from taskiq_core.flow.executors import run_in_executor
from taskiq_core.flow.plan import TaskPlan
from taskiq_core.flow.run_state import Run, is_asyncio_task_cancelled
from taskiq_core.messages.labels import TIMEOUT
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.result import TaskiqResult, make_result


async def run_plan(
    plan: TaskPlan,
    message: TaskiqMessage,
    run: Run,
    context_of_run: Callable[[], Context],
    *,
    executor: Executor,
    propagate_exceptions: bool,
) -> TaskiqResult[Any]:
    """Run a task and say what came of it; whatever it raises is in the result.

    Only cancellation goes on as an exception: the caller knows whose it is. That by `run.stop` is
    the task's error.

    Args:
        plan: how to run it.
        message: the call.
        run: by which it can be stopped.
        context_of_run: makes what dependencies can know of the run; called if there are any.
        executor: for plain functions.
        propagate_exceptions: whether dependencies see the exception of the task.
    """
    asyncio_task: asyncio.Task[Any] | None = None
    started = monotonic()
    value: Any = None
    error: BaseException | None = None
    try:
        if plan.arguments is not None:
            plan.arguments.restore(
                message.args, message.kwargs, task_name=message.task_name, strict=plan.strict
            )
        asyncio_task = run.open()
        if plan.dependencies is None:
            value = await _call(plan, message, message.kwargs, run, executor)
        else:
            context = context_of_run()
            scope = DependencyScope(plan.dependencies, context, propagate=propagate_exceptions)
            async with scope as injected:
                try:
                    kwargs = {**injected, **message.kwargs}
                    value = await _call(plan, message, kwargs, run, executor)
                finally:
                    if not isinstance(sys.exception(), asyncio.CancelledError):
                        await run.drop_own_cancellation()  # it is not for the dependencies
    except asyncio.CancelledError as cancelled:
        error = run.reason_for(cancelled)
        if error is cancelled and is_asyncio_task_cancelled():
            raise
        # Else stopped while dependencies were resolved; or it was raised by the task itself, for
        # example by a cancelled future that it awaited.
    except BaseException as raised:  # sys.exit() in a task must not end the worker
        if isinstance(raised, KeyboardInterrupt) or _is_closed(raised, asyncio_task):
            raise
        error = raised
    finally:
        run.close()
    return make_result(
        {
            "is_err": error is not None,
            "return_value": value,
            "execution_time": monotonic() - started,
            "labels": message.labels,
            "error": error,
        }
    )


def error_result(message: TaskiqMessage, error: BaseException) -> TaskiqResult[Any]:
    """The result of a task that did not come to run."""
    return TaskiqResult(
        is_err=True,
        return_value=None,
        execution_time=0.0,
        labels=message.labels,
        error=error,
    )


async def _call(
    plan: TaskPlan,
    message: TaskiqMessage,
    kwargs: dict[str, Any],
    run: Run,
    executor: Executor,
) -> Any:
    limit = message.labels.get(TIMEOUT)
    timer = None if limit is None else _stop_after(float(limit), message, run)
    try:
        if plan.is_coroutine:
            return await plan.func(*message.args, **kwargs)
        return await run_in_executor(executor, plan.func, message.args, kwargs, run=run)
    except asyncio.CancelledError as cancelled:
        reason = run.reason_for(cancelled)
        if reason is cancelled:
            raise
        raise reason from cancelled  # which knows where the function was
    finally:
        run.close()  # what dependencies do after the function is not disturbed
        if timer is not None:
            timer.cancel()


def _stop_after(limit: float, message: TaskiqMessage, run: Run) -> asyncio.TimerHandle:
    error = TaskTimeoutError(task_name=message.task_name, task_id=message.task_id, timeout=limit)
    return asyncio.get_running_loop().call_later(limit, run.stop, error)


def _is_closed(raised: BaseException, task: asyncio.Task[Any] | None) -> bool:
    """Whether nobody raised this, and the coroutine is closed, as its event loop is gone."""
    return isinstance(raised, GeneratorExit) and asyncio.current_task() is not task
