"""Workers started by a program instead of a command line."""

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from taskiq_cli.compat.worker_args import WorkerArgs
from taskiq_cli.processes.python_command import python_command
from taskiq_cli.worker.event_loop import loop_factory
from taskiq_cli.worker.executors import executor_for
from taskiq_cli.worker.load_receiver import load_receiver_of
from taskiq_cli.worker.log_setup import configure_logging, set_log_level
from taskiq_cli.worker.receiver_class import load_receiver
from taskiq_cli.worker.stop_requests import StopRequests
from taskiq_core.broker import AsyncBroker
from taskiq_core.loggers import get_logger
from taskiq_core.receiver import Receiver

logger = get_logger(__name__)


def run_worker(args: WorkerArgs) -> int | None:
    """Run workers until a signal stops them, or they can't go on.

    Signals that end this process are passed on to the workers.

    Returns:
        The exit status of the supervisor.

    Raises:
        TypeError: the options have a broker instead of its path.
    """
    if not isinstance(args.broker, str):
        raise TypeError(
            "Workers are processes of their own, and import the broker. Give the path of the "
            "broker instead of the object, or call start_listen to run one worker in this process."
        )
    line = python_command("taskiq_cli.supervisor.launch", args.to_options().to_json())
    supervisor = subprocess.Popen(line)  # noqa: S603  # our own module, no shell
    with _passing_signals_on(supervisor):
        return supervisor.wait()


def start_listen(args: WorkerArgs) -> None:
    """Run one worker in this process, until its broker's messages end or a signal comes.

    SIGTERM, SIGHUP and the first SIGINT let running tasks finish, the second SIGINT cancels them.

    Raises:
        LoadError: the broker, a task module or the receiver can't be imported.
    """
    options = args.to_options()
    set_log_level(options.log_level)
    if options.configure_logging:
        configure_logging(options.log_level, options.log_format, "worker")
    with asyncio.Runner(loop_factory=loop_factory()) as runner, executor_for(options) as executor:
        receiver = load_receiver_of(
            options,
            run=runner.get_loop().run_until_complete,
            executor=executor,
            on_exit=lambda _receiver: None,
            broker=args.broker if isinstance(args.broker, AsyncBroker) else None,
        )
        runner.run(_listen(receiver, options.shutdown_timeout))


def get_receiver_type(args: WorkerArgs) -> type[Receiver]:
    """The receiver class that the options name.

    Raises:
        LoadError: the class can't be imported, or is not a subclass of Receiver.
    """
    return load_receiver(args.receiver)


async def shutdown_broker(broker: AsyncBroker, timeout: float) -> None:
    """Shut a broker down; log an exception, or that it took too long.

    Args:
        broker: the broker.
        timeout: seconds that the shutdown may take.
    """
    try:
        async with asyncio.timeout(timeout):
            await broker.shutdown()
    except TimeoutError:
        logger.warning("The broker did not shut down in %g s", timeout)
    except Exception:
        logger.exception("The broker did not shut down well")


async def _listen(receiver: Receiver, shutdown_timeout: float) -> None:
    stop = StopRequests(receiver)
    with _handling_signals(stop):
        try:
            await receiver.broker.startup()
            await receiver.listen(stop.finish)
        finally:
            await shutdown_broker(receiver.broker, shutdown_timeout)


@contextmanager
def _handling_signals(stop: StopRequests) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or os.name != "posix":
        yield  # only the main thread may handle signals
        return
    loop = asyncio.get_running_loop()
    handlers = {
        signal.SIGTERM: stop.finish_running,
        signal.SIGHUP: stop.finish_running,
        signal.SIGINT: stop.request,
    }
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


@contextmanager
def _passing_signals_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return

    def pass_on(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    # A terminal sends SIGINT to both: one of them is enough.
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, pass_on),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
