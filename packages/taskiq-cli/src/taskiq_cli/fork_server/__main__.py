"""`python -m taskiq_cli.fork_server PARENT STATUS CHANNEL`: started by the supervisor only."""

import gc
import os
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from taskiq_cli.fork_server.channel import receive_message, send_message
from taskiq_cli.fork_server.detached_fork import fork_detached
from taskiq_cli.fork_server.preload import ThreadStartedError, preload_modules
from taskiq_cli.processes.status_pipe import StatusPipe

_WORKER = "taskiq_cli.worker.__main__"


def main() -> None:
    """Fork a worker for each message, until the supervisor ends; then return, or in a worker."""
    # Blocked, not ignored: a signal that reaches a new worker too early waits for its handlers.
    # A service manager may send SIGTERM to all processes; this one ends with its supervisor.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    parent_fd, status_fd, channel_fd = map(int, sys.argv[1:])
    os.close(parent_fd)  # the channel closes as well
    os.set_inheritable(channel_fd, False)
    status = StatusPipe(status_fd)
    # Garbage that is collected leaves holes, which workers would fill: pages that are not shared.
    gc.disable()
    try:
        preload_modules(status.skipped)
    except ThreadStartedError as error:
        status.start_failed(str(error))
        return
    gc.freeze()
    status.started()
    if (arguments := _fork_workers(socket.socket(fileno=channel_fd), status_fd)) is None:
        return
    gc.enable()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    _become_worker(arguments)


def _fork_workers(channel: socket.socket, status_fd: int) -> list[str] | None:
    """Serve requests.

    Returns:
        The arguments of the worker that this process is, after a fork; None when the supervisor is
        gone.
    """
    with channel:
        while (received := receive_message(channel, descriptors=2)) is not None:
            message, descriptors = received
            sys.stdout.flush()
            sys.stderr.flush()
            try:
                pid = fork_detached()
            except OSError as error:
                send_message(channel, {"error": error.strerror, "errno": error.errno})
            else:
                if pid == 0:
                    os.close(status_fd)
                    return [*map(str, descriptors), *message["arguments"]]
                send_message(channel, {"pid": pid})
            # A copy that stays open would keep the supervisor from noticing the end of a worker.
            for descriptor in descriptors:
                os.close(descriptor)
    return None


def _become_worker(arguments: list[str]) -> None:
    _parent_fd, _status_fd, name, *_rest = arguments
    with suppress(OSError):  # it is only for people who list processes
        Path("/proc/self/comm").write_text(name)
    worker = import_module(_WORKER)
    # As if it had been started by `python -m taskiq_cli.worker`.
    sys.argv = [str(worker.__file__), *arguments]
    sys.modules["__main__"] = worker
    worker.main()


if __name__ == "__main__":
    main()
