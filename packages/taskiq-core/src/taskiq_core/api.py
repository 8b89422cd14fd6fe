"""A worker inside a program of one's own."""

import asyncio
from concurrent.futures import Executor, ThreadPoolExecutor

from taskiq_core.broker import AsyncBroker
from taskiq_core.messages.acks import AcknowledgeType
from taskiq_core.process_pool import KillableProcessPool
from taskiq_core.receiver import Receiver


async def run_receiver_task(
    broker: AsyncBroker,
    receiver_cls: type[Receiver] = Receiver,
    sync_workers: int | None = None,
    validate_params: bool = True,
    max_async_tasks: int = 100,
    max_async_tasks_jitter: int = 0,
    max_prefetch: int = 0,
    propagate_exceptions: bool = True,
    run_startup: bool = False,
    ack_time: AcknowledgeType | None = None,
    use_process_pool: bool = False,
) -> None:
    """Run a broker's tasks until this is cancelled, in an asyncio task of its own.

    When it is cancelled, running tasks are cancelled and given back to the broker, which stays
    started.

    Args:
        broker: whose tasks to run; it acts as a worker's from now on.
        receiver_cls: the worker's engine.
        sync_workers: threads, or processes, for plain functions; None for Python's choice.
        validate_params: whether arguments are restored from annotations.
        max_async_tasks: how many tasks run at once.
        max_async_tasks_jitter: up to so many more, at random.
        max_prefetch: how many more deliveries are held, waiting.
        propagate_exceptions: whether dependencies see the exception of their task.
        run_startup: whether to start the broker up first.
        ack_time: when deliveries are acknowledged; `when_saved` by default.
        use_process_pool: whether plain functions run in processes instead of threads.

    Raises:
        ValueError: `max_prefetch` is negative.
        ListenError: the broker can't be listened to.
    """
    if max_prefetch < 0:
        raise ValueError("max_prefetch cannot be negative")
    broker.is_worker_process = True
    executor: Executor
    if use_process_pool:
        executor = KillableProcessPool(sync_workers)
    else:
        executor = ThreadPoolExecutor(sync_workers, thread_name_prefix="taskiq")
    receiver = receiver_cls(
        broker,
        executor=executor,
        validate_params=validate_params,
        max_async_tasks=max_async_tasks,
        max_async_tasks_jitter=max_async_tasks_jitter,
        max_prefetch=max_prefetch,
        propagate_exceptions=propagate_exceptions,
        run_startup=run_startup,
        ack_type=ack_time,
    )
    try:
        await receiver.listen(asyncio.Event())
    finally:
        # A thread that can't be stopped must not hold up the event loop.
        executor.shutdown(wait=False, cancel_futures=True)
