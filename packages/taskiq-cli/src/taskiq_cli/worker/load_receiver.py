"""The parts of an application that a worker imports, in the right order."""

from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any

from taskiq_cli.errors import MuteBrokerError, ReceiverError
from taskiq_cli.options import WorkerOptions
from taskiq_cli.worker.receiver_class import load_receiver
from taskiq_core.broker import AsyncBroker
from taskiq_core.exceptions import ListenError
from taskiq_core.loading.brokers import load_broker
from taskiq_core.loading.objects import extend_import_path
from taskiq_core.loading.task_modules import import_tasks
from taskiq_core.messages.acks import parse_acknowledge_type
from taskiq_core.receiver import Receiver


def load_receiver_of(
    options: WorkerOptions,
    *,
    run: Callable[[Awaitable[Any]], Any],
    executor: Executor,
    on_exit: Callable[[Receiver], None],
    broker: AsyncBroker | None = None,
) -> Receiver:
    """Import the broker and all tasks, and return the receiver that runs them.

    Args:
        options: what to import.
        run: runs the awaitable that a broker's factory returns.
        executor: where plain functions run.
        on_exit: called when `max_tasks_per_child` tasks were run.
        broker: to be used instead of the one that `options` name.

    Raises:
        LoadError: something can't be imported, or is not what it should be.
    """
    extend_import_path(options.app_dir)
    broker = broker or load_broker(options.broker, run)
    _refuse_mute(options.broker, broker)
    broker.is_worker_process = True
    import_tasks(list(options.modules), options.tasks_pattern, options.fs_discover)
    receiver_type = load_receiver(options.receiver)
    receiver = _make(receiver_type, broker, options, executor, on_exit)
    receiver.watchdog.max_block = options.max_block  # a receiver's `__init__` may be of 0.13
    return receiver


def _refuse_mute(spec: str, broker: AsyncBroker) -> None:
    # Brokers without anything to listen to say so at once; of others this makes a generator that
    # is not begun.
    try:
        broker.listen()
    except ListenError as error:
        raise MuteBrokerError(spec=spec, reason=str(error)) from error


def _make(
    receiver_type: type[Receiver],
    broker: AsyncBroker,
    options: WorkerOptions,
    executor: Executor,
    on_exit: Callable[[Receiver], None],
) -> Receiver:
    extra: dict[str, Any] = dict(options.receiver_arg)
    try:
        return receiver_type(
            broker=broker,
            executor=executor,
            validate_params=not options.no_parse,
            max_async_tasks=options.max_async_tasks if options.max_async_tasks > 0 else None,
            max_async_tasks_jitter=options.max_async_tasks_jitter,
            max_prefetch=options.max_prefetch,
            propagate_exceptions=not options.no_propagate_errors,
            run_startup=False,
            ack_type=parse_acknowledge_type(options.ack_type),
            on_exit=on_exit,
            max_tasks_to_execute=options.max_tasks_per_child or None,
            wait_tasks_timeout=options.wait_tasks_timeout,
            **extra,
        )
    except (TypeError, ValueError) as error:
        given = " ".join(f"--receiver_arg {key}={value}" for key, value in options.receiver_arg)
        reason = f"{error}. Its own arguments are given as: {given or '--receiver_arg name=value'}"
        raise ReceiverError(spec=options.receiver, reason=reason) from error
