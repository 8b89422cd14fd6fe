"""`python -m taskiq_cli.worker PARENT STATUS NAME ID SUPERVISOR_ID OPTIONS`: one worker process.

Only the supervisor starts it.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.options import WorkerOptions
from taskiq_cli.processes.parent_watch import ParentWatch
from taskiq_cli.processes.status_pipe import StatusPipe

if TYPE_CHECKING:
    from taskiq_cli.worker.services import RunningService


def main() -> None:
    """Run one worker; leave without waiting for threads that hang."""
    parent_fd, status_fd, name, worker_id, supervisor_id, text = sys.argv[1:]
    options = WorkerOptions.from_json(text)
    parent = ParentWatch(int(parent_fd), ExitCode.ORPHANED)
    identity = WorkerIdentity(name, worker_id, supervisor_id)
    code = _run(options, parent, StatusPipe(int(status_fd)), identity)
    sys.stdout.flush()
    sys.stderr.flush()
    if any(_is_busy(thread) for thread in threading.enumerate()):
        # Python would wait for ever for a plain function that does not end.
        os._exit(code)
    sys.exit(code)


class WorkerIdentity(NamedTuple):
    """The names of this worker.

    Attributes:
        name: for logs, as in "worker-0"; the next one in its place has it, too.
        worker_id: unique among the workers of all machines.
        supervisor_id: unique among supervisors.
    """

    name: str
    worker_id: str
    supervisor_id: str


def _run(
    options: WorkerOptions, parent: ParentWatch, status: StatusPipe, identity: WorkerIdentity
) -> ExitCode:
    from taskiq_cli.health.worker_state_writer import WorkerStateWriter
    from taskiq_cli.processes.shared_folder import VARIABLE
    from taskiq_cli.worker.event_loop import loop_factory
    from taskiq_cli.worker.executors import executor_for
    from taskiq_cli.worker.load_receiver import load_receiver_of
    from taskiq_cli.worker.log_setup import configure_logging, set_log_level
    from taskiq_cli.worker.serve import serve
    from taskiq_core.loading.error_text import whole_traceback
    from taskiq_core.loading.errors import LoadError
    from taskiq_core.plugins.errors import PluginError

    name = identity.name
    set_log_level(options.log_level)
    if options.configure_logging:
        configure_logging(options.log_level, options.log_format, name)
    state_writer = WorkerStateWriter(os.environ[VARIABLE], name) if options.health else None
    if state_writer is not None:
        state_writer.write_start()
    with asyncio.Runner(loop_factory=loop_factory()) as runner, executor_for(options) as executor:
        # For libraries that ask for "the" event loop when they are imported.
        asyncio.set_event_loop(runner.get_loop())
        try:
            receiver = load_receiver_of(
                options,
                run=runner.get_loop().run_until_complete,
                executor=executor,
                on_exit=lambda _receiver: status.recycling(),
            )
            receiver.broker.worker_id = identity.worker_id
            receiver.supervisor_id = identity.supervisor_id
            services = _services(options, name, runner.get_loop().run_until_complete)
        except (LoadError, PluginError) as error:
            cause = error.__cause__
            details = f"\n{whole_traceback(cause)}" if cause and options.shows_tracebacks else ""
            status.load_failed(f"{error}{details}")
            return ExitCode.LOAD_FAILED
        status.loaded()
        return runner.run(serve(receiver, options, parent, status, state_writer, services))


def _services(
    options: WorkerOptions, name: str, run: Callable[[Awaitable[Any]], Any]
) -> "list[RunningService]":
    if not options.with_scheduler:
        return []
    from taskiq_cli.worker.services import load_service

    return [load_service("scheduler", options.with_scheduler, worker=name, run=run)]


def _is_busy(thread: threading.Thread) -> bool:
    if thread is threading.main_thread() or thread.daemon:
        return False
    thread.join(timeout=0.1)  # an idle thread of a pool leaves at once
    return thread.is_alive()


if __name__ == "__main__":
    main()
