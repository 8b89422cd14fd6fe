"""A worker's life in the event loop: start the broker, run tasks, shut the broker down."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from taskiq_cli.errors import StartError
from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.health.worker_state_writer import WorkerStateWriter
from taskiq_cli.options import WorkerOptions
from taskiq_cli.processes.parent_watch import ParentWatch
from taskiq_cli.processes.status_pipe import StatusPipe
from taskiq_cli.worker.stop_requests import StopRequests
from taskiq_core.broker import AsyncBroker
from taskiq_core.exceptions import (
    BrokerError,
    BrokerSetupError,
    CapabilityError,
    ListenError,
    ResultBackendError,
    TaskiqError,
)
from taskiq_core.loading.error_text import describe_error, describe_place, whole_traceback
from taskiq_core.receiver import Receiver

if TYPE_CHECKING:
    from taskiq_cli.worker.services import RunningService

logger = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds that an orderly end may take longer than its parts should."""


async def serve(
    receiver: Receiver,
    options: WorkerOptions,
    parent: ParentWatch,
    status: StatusPipe,
    state_writer: WorkerStateWriter | None,
    services: "Sequence[RunningService]",
) -> ExitCode:
    """Run tasks until a signal comes, the supervisor is gone, or enough tasks were run.

    Args:
        receiver: runs the tasks.
        options: of the worker.
        parent: notices when the supervisor is gone.
        status: where the supervisor hears that the broker is started, or can't be.
        state_writer: writes the worker's health down; None without `--health`.
        services: run beside the tasks.

    Returns:
        The exit status of the process.
    """
    stop = StopRequests(receiver)
    loop = asyncio.get_running_loop()
    writing = None
    if state_writer is not None:
        writing = asyncio.create_task(state_writer.keep_writing(receiver, stop.finish))
    # A service manager may send SIGTERM to the whole group: that is one request, however often.
    loop.add_signal_handler(signal.SIGTERM, stop.finish_running)
    loop.add_signal_handler(signal.SIGINT, stop.request)

    def leave_as_orphan() -> float:
        limit = options.shutdown_timeout
        if options.wait_tasks_timeout is not None:
            limit = options.wait_tasks_timeout
        logger.error("The supervisor is gone: leaving, within %g s", limit)
        loop.call_soon_threadsafe(stop.request_within, limit)
        return limit + options.shutdown_timeout + GRACE

    parent.when_lost(leave_as_orphan)
    try:
        if await _start(receiver.broker, stop.finish):
            status.started()
            _log_tasks(len(receiver.broker.get_all_tasks()))
            await _listen_or_end(receiver, services, stop.finish)
    except StartError as error:
        details = f"\n{whole_traceback(error)}" if options.shows_tracebacks else ""
        status.start_failed(f"{error}{details}")
        return error.exit_code
    except Exception as error:  # noqa: BLE001  # whatever the broker may raise: the supervisor restarts us
        _log_broker_error(error, options)
        return ExitCode.FAILURE
    finally:
        _leave_at_the_latest_in(options.shutdown_timeout + GRACE)
        await _shut_down(receiver.broker, options.shutdown_timeout)
        if writing is not None:
            writing.cancel()
    return ExitCode.OK


async def _listen_or_end(
    receiver: Receiver, services: "Sequence[RunningService]", finish: asyncio.Event
) -> None:
    """Listen; an error that every new try would meet again ends the worker.

    Raises:
        StartError: the broker can't be listened to, as it is set up.
        Exception: any other error of the broker.
    """
    try:
        await _listen(receiver, services, finish)
    except (ListenError, BrokerSetupError) as error:
        raise StartError(reason=str(error)) from error


async def _listen(
    receiver: Receiver, services: "Sequence[RunningService]", finish: asyncio.Event
) -> None:
    serving = [asyncio.create_task(each.serve(receiver.broker, finish)) for each in services]
    try:
        await receiver.listen(finish)
    finally:
        if serving:
            finish.set()  # enough tasks were run, or the stream has ended
            await asyncio.gather(*serving)


def _log_tasks(number: int) -> None:
    logger.info("Listening started. Tasks: %d", number)
    if number == 0:
        logger.warning("No task is declared: name the modules that do, or give --fs-discover")


async def _start(broker: AsyncBroker, finish: asyncio.Event) -> bool:
    """Start the broker, unless the worker is asked to leave first.

    Returns:
        Whether the broker is started.

    Raises:
        StartError: something is set up wrong.
        Exception: a server may be down: whatever the broker or a middleware raised.
    """
    starting = asyncio.create_task(broker.startup())
    finishing = asyncio.create_task(finish.wait())
    await asyncio.wait({starting, finishing}, return_when=asyncio.FIRST_COMPLETED)
    finishing.cancel()
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return False
    try:
        await starting
    except TaskiqError as error:
        if _may_pass(error):
            raise
        raise StartError(reason=str(error)) from error
    return True


def _may_pass(error: TaskiqError) -> bool:
    """Whether the cause may be a server that is down, and not the configuration."""
    is_of_a_server = isinstance(error, BrokerError | ResultBackendError)
    return is_of_a_server and not isinstance(error, CapabilityError | BrokerSetupError)


async def _shut_down(broker: AsyncBroker, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await broker.shutdown()
    except TimeoutError:
        logger.warning("The broker did not shut down in %g s (--shutdown-timeout)", seconds)
    except Exception as error:  # noqa: BLE001  # the worker leaves anyway, and says what was wrong
        logger.warning(
            "The broker did not shut down well: %s (%s)",
            describe_error(error),
            describe_place(error),
        )


def _log_broker_error(error: Exception, options: WorkerOptions) -> None:
    logger.error(
        "The broker can't be started or listened to: %s (%s). "
        "Is its server up, and its address right?",
        describe_error(error),
        describe_place(error),
        exc_info=error if options.shows_tracebacks else None,
    )


def _leave_at_the_latest_in(seconds: float) -> None:
    """End the process after so many seconds, even if the shutdown hangs in some thread."""

    def leave() -> None:
        logger.error("Something hangs at the end of the worker: leaving without it")
        os._exit(ExitCode.OK)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
