"""A pool of processes in which one call can be killed without harm to the others."""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final, ParamSpec, TypeVar

from taskiq_core.exceptions import TaskProcessAnswerError, TaskProcessError

_Params = ParamSpec("_Params")
_T = TypeVar("_T")

_SPAWN: Final = multiprocessing.get_context("spawn")
"""Not "fork": a worker has threads and an event loop."""


@dataclass(frozen=True, slots=True)
class _Work:
    future: Future[Any]
    call: Callable[[], Any]


class KillableProcessPool(Executor):
    """Runs calls in processes of their own, one at a time in each.

    The pool of the standard library breaks as a whole when one of its processes ends. Here only the
    call that ran in it fails, and a new process takes its place. The processes leave together with
    the one that made them.

    Args:
        max_workers: how many processes there are; None for one a CPU.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running: dict[Future[Any], BaseProcess] = {}
        self._limit = max_workers or os.cpu_count() or 1
        self._keepers: list[threading.Thread] = []
        self._unfinished = 0
        self._is_closed = False

    def submit(
        self, fn: Callable[_Params, _T], /, *args: _Params.args, **kwargs: _Params.kwargs
    ) -> Future[_T]:
        """Call a function in one of the processes; function and arguments are pickled."""
        future: Future[_T] = Future()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._unfinished += 1
            if len(self._keepers) < min(self._unfinished, self._limit):
                self._add_keeper()
        self._work.put(_Work(future, partial(fn, *args, **kwargs)))
        return future

    def kill(self, future: Future[Any]) -> None:
        """Kill the process in which this call runs; a call that does not run is not harmed."""
        with self._lock:
            process = self._running.get(future)
            if process is not None:
                process.kill()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes once their calls have ended.

        Args:
            wait: whether to wait for that.
            cancel_futures: whether calls that have not begun are dropped.
        """
        with self._lock:
            self._is_closed = True
            if cancel_futures:
                with contextlib.suppress(queue.Empty):
                    while True:
                        work = self._work.get_nowait()
                        if work is not None:
                            work.future.cancel()
            for _ in self._keepers:
                self._work.put(None)
        if wait:
            for keeper in self._keepers:
                keeper.join()

    def _add_keeper(self) -> None:
        name = f"taskiq-process-{len(self._keepers) + 1}"
        keeper = threading.Thread(target=self._keep, name=name, daemon=True)
        self._keepers.append(keeper)
        keeper.start()

    def _keep(self) -> None:
        """Serve one place of the pool: a thread that has a process, and passes work to it."""
        child: _Child | None = None
        while (work := self._work.get()) is not None:
            if work.future.set_running_or_notify_cancel():
                child = self._serve(work, child)
            with self._lock:
                self._unfinished -= 1
        if child is not None:
            child.close()

    def _serve(self, work: _Work, child: "_Child | None") -> "_Child | None":
        """Pass on one call, to a new process if there is none; the process."""
        if child is None or not child.process.is_alive():
            try:
                child = _Child()
            except OSError as error:  # no memory, or too many: the next call may fare better
                work.future.set_exception(error)
                return None
        self._pass_on(work, child)
        return child

    def _pass_on(self, work: _Work, child: "_Child") -> None:
        with self._lock:
            self._running[work.future] = child.process
        try:
            value = child.call(work.call)
        except BaseException as error:  # noqa: BLE001  # belongs to the caller that waits for it
            work.future.set_exception(error)
        else:
            work.future.set_result(value)
        finally:
            with self._lock:
                del self._running[work.future]


class _Child:
    """One process, and the pipe to it."""

    def __init__(self) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self._calls = 0

    def call(self, call: Callable[[], Any]) -> Any:
        self._calls += 1
        self._pipe.send((self._calls, call))
        try:
            answer: object = self._pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            raise TaskProcessError(exitcode=self.process.exitcode) from None
        if not isinstance(answer, _Answer) or answer.number != self._calls:
            self.process.kill()  # what else comes from it can't be trusted
            self.process.join()
            raise TaskProcessAnswerError(exitcode=self.process.exitcode)
        if answer.error is not None:
            raise answer.error from _RemoteTraceback(answer.traceback)
        return answer.value

    def close(self) -> None:
        self._pipe.close()
        self.process.join()


@dataclass(frozen=True, slots=True)
class _Answer:
    number: int
    value: Any = None
    error: BaseException | None = None
    traceback: str = ""


class _RemoteTraceback(Exception):  # noqa: N818  # is shown as the cause of an error, and says where it was
    """The traceback of the process in which a call failed, as text."""


def _serve(pipe: Connection) -> None:
    """The life of a process: answer calls until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the worker decides when to leave
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    if hasattr(os, "register_at_fork"):
        # A process that a task forks has no part in this; it would also hide the end of this one.
        os.register_at_fork(after_in_child=pipe.close)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            _answer(pipe, *pipe.recv())


def _answer(pipe: Connection, number: int, call: Callable[[], Any]) -> None:
    process = os.getpid()
    try:
        answer = _Answer(number, call())
    except BaseException as error:  # noqa: BLE001  # is raised again where it was called
        answer = _Answer(number, error=error, traceback="\n" + traceback.format_exc())
    if os.getpid() != process:
        os._exit(0)  # forked by the call: only the process that was asked answers
    try:
        pipe.send(answer)
    except (EOFError, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001  # whatever pickle raises
        what = "returned" if answer.error is None else "raised"
        reason = f"what the task {what} can't be sent from its process: {error}"
        pipe.send(_Answer(number, error=TypeError(reason), traceback=answer.traceback))


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
