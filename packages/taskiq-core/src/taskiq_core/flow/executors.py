"""Plain functions in threads and processes."""

import asyncio
import contextvars
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeGuard

from taskiq_core.exceptions import TaskDefinitionError
from taskiq_core.flow.run_state import Run

if TYPE_CHECKING:
    from taskiq_core.process_pool import KillableProcessPool


async def run_in_executor(
    executor: Executor,
    func: Callable[..., Any],
    args: list[Any],
    kwargs: dict[str, Any],
    *,
    run: Run,
) -> Any:
    """Run a plain function in a thread or, by a process pool, in a process.

    Threads see the context variables of the caller. When this is cancelled, what has not begun is
    dropped, a process of `KillableProcessPool` is killed, and anything else goes on: it is left to
    `run.abandoned`.

    Args:
        executor: threads, or processes.
        func: a process finds it by its module and name.
        args: its positional arguments.
        kwargs: its keyword arguments.
        run: gets what can't be stopped.

    Returns:
        What the function returns, and awaited if that is a coroutine.

    Raises:
        TaskDefinitionError: a process can't find the function by its name.
    """
    call: Callable[[], Any]
    if _is_killable(executor) or _is_standard_pool(executor):
        call = partial(_call_by_name, *_name_of(func), args, kwargs)
    else:
        call = partial(contextvars.copy_context().run, partial(_call, func, args, kwargs))
    future: Future[Any] = executor.submit(call)
    try:
        value = await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        if _is_killable(executor):
            executor.kill(future)
        elif not future.done():
            run.abandoned = future
        raise
    return await value if asyncio.iscoroutine(value) else value


# Most workers have no processes: what those need takes three quarters of a megabyte, and is not
# imported only to find out that an executor has threads.


def _is_killable(executor: Executor) -> "TypeGuard[KillableProcessPool]":
    module = sys.modules.get("taskiq_core.process_pool")
    return module is not None and isinstance(executor, module.KillableProcessPool)


def _is_standard_pool(executor: Executor) -> bool:
    module = sys.modules.get("concurrent.futures.process")
    return module is not None and isinstance(executor, module.ProcessPoolExecutor)


def _call(func: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    try:
        return func(*args, **kwargs)
    except (StopIteration, GeneratorExit) as error:
        # A future can't carry the one, and a coroutine that awaits the other is closed by it: the
        # caller would wait for ever.
        raise RuntimeError(f"the task raised {type(error).__name__}") from error


def _call_by_name(module: str, qualname: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    found: Any = import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    # The name belongs to the task now, which has the function.
    return _call(getattr(found, "original_func", found), args, kwargs)


def _name_of(func: Callable[..., Any]) -> tuple[str, str]:
    module, qualname = getattr(func, "__module__", None), getattr(func, "__qualname__", "")
    if module not in sys.modules or not qualname or "<" in qualname:
        raise TaskDefinitionError(
            function=f"{module}.{qualname or func!r}",
            reason="a process pool finds functions by module and name, and this one does not have "
            "a name there. Declare it at the top of a module, or run the worker without "
            "--use-process-pool",
        )
    return module, qualname
