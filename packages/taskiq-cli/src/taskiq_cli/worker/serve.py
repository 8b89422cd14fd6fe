"""A worker's life in the event loop: start the broker, run tasks, shut the broker down."""

import asyncio
import logging
import os
import signal
import threading

from taskiq_cli.errors import StartError
from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.loading.places import describe_error, describe_place, whole_traceback
from taskiq_cli.options import WorkerOptions
from taskiq_cli.parent.lifeline import Lifeline
from taskiq_cli.parent.reports import Reports
from taskiq_cli.worker.companion import Companion
from taskiq_cli.worker.health_notes import HealthNotes
from taskiq_cli.worker.stopping import StopRequests
from taskiq_core.broker import AsyncBroker
from taskiq_core.exceptions import (
    BrokerError,
    BrokerSetupError,
    CapabilityError,
    ListenError,
    ResultBackendError,
    TaskiqError,
)
from taskiq_core.receiver import Receiver

logger = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds that an orderly end may take longer than its parts should."""


async def serve(
    receiver: Receiver,
    options: WorkerOptions,
    lifeline: Lifeline,
    reports: Reports,
    notes: HealthNotes | None,
    companion: Companion | None,
) -> ExitCode:
    """Run tasks until a signal comes, the supervisor is gone, or enough were run."""
    stop = StopRequests(receiver)
    loop = asyncio.get_running_loop()
    telling = asyncio.create_task(notes.keep(receiver, stop.finish)) if notes else None
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

    lifeline.when_lost(leave_as_orphan)
    try:
        if await _start(receiver.broker, stop.finish):
            reports.started()
            _tell_tasks(len(receiver.broker.get_all_tasks()))
            await _listen_or_end(receiver, companion, stop.finish)
    except StartError as error:
        details = f"\n{whole_traceback(error)}" if options.shows_tracebacks else ""
        reports.start_failed(f"{error}{details}")
        return error.exit_code
    except Exception as error:  # noqa: BLE001  # whatever the broker may raise: the supervisor restarts us
        _tell(error, options)
        return ExitCode.FAILURE
    finally:
        _leave_at_the_latest_in(options.shutdown_timeout + GRACE)
        await _shut_down(receiver.broker, options.shutdown_timeout)
        if telling is not None:
            telling.cancel()
    return ExitCode.OK


async def _listen_or_end(
    receiver: Receiver, companion: Companion | None, finish: asyncio.Event
) -> None:
    """Listen; what would fail again however often it is tried ends the worker.

    Raises:
        StartError: the broker can't be listened to, as it is set up.
        Exception: whatever else the broker raised.
    """
    try:
        await _listen(receiver, companion, finish)
    except (ListenError, BrokerSetupError) as error:
        raise StartError(reason=str(error)) from error


async def _listen(receiver: Receiver, companion: Companion | None, finish: asyncio.Event) -> None:
    if companion is None:
        await receiver.listen(finish)
        return
    serving = asyncio.create_task(companion.serve(receiver.broker, finish))
    try:
        await receiver.listen(finish)
    finally:
        finish.set()  # enough tasks were run, or the stream has ended
        await serving


def _tell_tasks(number: int) -> None:
    logger.info("Listening started. Tasks: %d", number)
    if number == 0:
        logger.warning("No task is declared: name the modules that do, or give --fs-discover")


async def _start(broker: AsyncBroker, finish: asyncio.Event) -> bool:
    """Start the broker up; False if the worker was told to leave before that was done.

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
    """Whether it may be about a server that is down, and not about how things are set up."""
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


def _tell(error: Exception, options: WorkerOptions) -> None:
    logger.error(
        "The broker can't be started or listened to: %s (%s). "
        "Is its server up, and its address right?",
        describe_error(error),
        describe_place(error),
        exc_info=error if options.shows_tracebacks else None,
    )


def _leave_at_the_latest_in(seconds: float) -> None:
    """End the process even if something that is shut down hangs, in this thread or another one."""

    def leave() -> None:
        logger.error("Something hangs at the end of the worker: leaving without it")
        os._exit(ExitCode.OK)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
