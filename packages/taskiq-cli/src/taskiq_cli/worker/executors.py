"""Where plain functions run: in threads, or in processes that leave together with their worker."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from taskiq_cli.options import WorkerOptions


@contextmanager
def executor_for(options: WorkerOptions) -> Iterator[Executor]:
    """The executor that the options ask for; calls that have not begun at the end are dropped."""
    executor = _process_pool(options) if options.use_process_pool else _thread_pool(options)
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _thread_pool(options: WorkerOptions) -> Executor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(options.max_threadpool_threads, thread_name_prefix="taskiq")


def _process_pool(options: WorkerOptions) -> Executor:
    from taskiq_core.process_pool import KillableProcessPool

    return KillableProcessPool(options.max_process_pool_processes)
