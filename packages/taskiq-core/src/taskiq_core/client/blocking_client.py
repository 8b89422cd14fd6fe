"""BlockingClient: sending tasks from plain functions, such as views of Flask, and from scripts."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, Final, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from taskiq_core.client.task import AsyncTaskiqTask
from taskiq_core.client.typed_kiq import Sendable
from taskiq_core.exceptions import BlockingCallError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult

_T = TypeVar("_T")
_FuncParams = ParamSpec("_FuncParams")
_ReturnType = TypeVar("_ReturnType")
_IN_A_LOOP: Final = (
    "it is for plain functions, and here it would stop the event loop of this thread. Await the "
    "task instead: `await task.kiq(...)`"
)
_CLOSED: Final = "another thread has closed it meanwhile"


class StartableBroker(Protocol):
    """What a BlockingClient needs of a broker."""

    async def startup(self) -> None:
        """Connect, and call the handlers of start-up."""

    async def shutdown(self) -> None:
        """Disconnect, and call the handlers of shutdown."""


class BlockingClient:
    """Sends tasks of a broker from functions that are not coroutines.

    One event loop in a thread of its own serves all threads of the process: there is no loop for
    each call, and calls of many threads share a connection. The thread is started by the first
    call, which starts the broker up as well; after a fork the child starts its own.

    Args:
        broker: the broker; tasks of others may be sent, too.
        timeout: seconds that a call may take, waiting for results not included; None for no limit.
    """

    def __init__(self, broker: StartableBroker, *, timeout: float | None = 30.0) -> None:
        self.broker = broker
        self.timeout = timeout
        self._lock = threading.Lock()
        self._loop: _LoopThread | None = None
        if hasattr(os, "register_at_fork"):
            renew = weakref.WeakMethod(self._renew_lock)
            os.register_at_fork(after_in_child=lambda: _call(renew()))

    def _renew_lock(self) -> None:
        # Another thread of the parent may have held it: nobody would release it in the child.
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @overload
    def kiq(
        self,
        task: Sendable[_FuncParams, Coroutine[Any, Any, _T]],
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> BlockingTask[_T]: ...

    @overload
    def kiq(
        self,
        task: Sendable[_FuncParams, _T],
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> BlockingTask[_T]: ...

    def kiq(
        self,
        task: Sendable[_FuncParams, Any],
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> BlockingTask[Any]:
        """Send a call, and return when the broker has stored the message.

        Args:
            task: a task, or a `kicker()` with labels of its own.
            args: of the call.
            kwargs: of the call.

        Raises:
            SendTaskError: as `AsyncKicker.kiq`.
            BlockingCallError: this thread runs an event loop, which would stand still; or the
                client was closed meanwhile.
            TimeoutError: the broker did not answer within `timeout`.
        """
        return BlockingTask(self.call(task.kiq(*args, **kwargs)), self)

    def call(self, coroutine: Coroutine[Any, Any, _T], *, timeout: float | None = -1.0) -> _T:
        """Run a coroutine in the event loop of this client, such as `broker.stats()`.

        Args:
            coroutine: what to run.
            timeout: seconds; None for no limit; by default the client's.

        Returns:
            What the coroutine returned.

        Raises:
            BlockingCallError: this thread runs an event loop, which would stand still.
            TimeoutError: it took too long, and was cancelled.
        """
        limit = self.timeout if timeout == -1.0 else timeout
        try:
            loop = self._started(limit)
        except BaseException:
            coroutine.close()
            raise
        return loop.run(coroutine, limit)

    def close(self) -> None:
        """Shut the broker down and end the thread; the next call starts both again."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None and loop.is_of_this_process:
            try:
                loop.run(self.broker.shutdown(), self.timeout)
            finally:
                loop.stop()

    def _started(self, timeout: float | None) -> _LoopThread:
        with self._lock:
            if self._loop is None or not self._loop.is_of_this_process:
                loop = _LoopThread()
                try:
                    loop.run(self.broker.startup(), timeout)
                except BaseException:
                    loop.stop()
                    raise
                self._loop = loop
            return self._loop


class BlockingTask(Generic[_ReturnType]):
    """The handle of a task that a BlockingClient has sent.

    Attributes:
        task_id: the id of the task.
        task: the handle for coroutines.
    """

    def __init__(self, task: AsyncTaskiqTask[_ReturnType], client: BlockingClient) -> None:
        self.task_id = task.task_id
        self.task = task
        self._client = client

    def wait_result(
        self, timeout: float | None = None, *, with_logs: bool = False
    ) -> TaskiqResult[_ReturnType]:
        """Wait for the result.

        Args:
            timeout: seconds to wait at most; None for no limit.
            with_logs: whether the log of the task is wanted, too.

        Raises:
            TaskiqResultTimeoutError: the time ran out.
        """
        waiting = self.task.wait_result(timeout=timeout, with_logs=with_logs)
        return self._client.call(waiting, timeout=None)

    def is_ready(self) -> bool:
        """Return whether the result is stored."""
        return self._client.call(self.task.is_ready())

    def get_result(self, *, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """Return the result that is stored."""
        return self._client.call(self.task.get_result(with_logs))

    def get_progress(self) -> TaskProgress[Any] | None:
        """Return what the task reported last."""
        return self._client.call(self.task.get_progress())

    def abort(self) -> AbortState:
        """Ask for the task to be aborted, and return where it was found."""
        return self._client.call(self.task.abort())


class _LoopThread:
    """An event loop that runs in a thread."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="taskiq-blocking-client", daemon=True
        )
        self._thread.start()

    @property
    def is_of_this_process(self) -> bool:
        return self._process == os.getpid()

    def run(self, coroutine: Coroutine[Any, Any, _T], timeout: float | None) -> _T:
        if _runs_a_loop():
            coroutine.close()
            raise BlockingCallError(reason=_IN_A_LOOP)
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()
            raise BlockingCallError(reason=_CLOSED) from None
        try:
            return future.result(timeout)
        except CancelledError:
            raise BlockingCallError(reason=_CLOSED) from None
        except BaseException:
            future.cancel()  # also where Ctrl-C ends the waiting
            raise

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_all() -> None:
    """Cancel what other threads wait for, so that they get an error."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _call(method: Callable[[], None] | None) -> None:
    if method is not None:
        method()


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
