"""Where plain functions run: in threads, or in processes that leave together with their worker."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from taskiq_cli.options import WorkerOptions


@contextmanager
def executor_for(options: WorkerOptions) -> Iterator[Executor]:
    """The executor that the options ask for; at the end, what has not begun is dropped."""
    executor = _process_pool(options) if options.use_process_pool else _thread_pool(options)
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _thread_pool(options: WorkerOptions) -> Executor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(options.max_threadpool_threads, thread_name_prefix="taskiq")


def _process_pool(options: WorkerOptions) -> Executor:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    return ProcessPoolExecutor(
        options.max_process_pool_processes,
        # Not "fork": this process has threads and an event loop.
        mp_context=get_context("spawn"),
        initializer=_leave_with_worker,
    )


def _leave_with_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch_worker, name="taskiq-lifeline", daemon=True).start()


def _watch_worker() -> None:
    from multiprocessing import connection, parent_process

    worker = parent_process()
    if worker is not None:
        connection.wait([worker.sentinel])
        os._exit(1)
