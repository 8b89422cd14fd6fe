"""A fork whose process is not a child of the one that forks."""

import os
from contextlib import suppress


def fork_detached() -> int:
    """Fork a process, in a process group of its own, that becomes a child of the supervisor.

    The process between the two ends at once, and the nearest subreaper above inherits its child:
    the supervisor, which sees the end of its workers as if it had started them, whatever becomes
    of the fork server.

    Returns:
        The process id; 0 in the new process.

    Raises:
        OSError: there are too many processes, or too little memory.
    """
    answer, writer = os.pipe()
    try:
        gate, opener = os.pipe()
    except OSError:
        os.close(answer)
        os.close(writer)
        raise
    middle = -1
    try:
        middle = os.fork()
        if middle == 0:
            os.close(opener)
            if _fork_and_leave(writer) == 0:
                os.read(gate, 1)  # until its parent is the supervisor, as `os.getppid` says
                return 0
        os.close(writer)
        number = int(os.read(answer, 100) or b"0")
        os.waitpid(middle, 0)
    except OSError:
        if middle < 0:
            os.close(writer)
        raise
    finally:
        for descriptor in (answer, gate) if middle == 0 else (answer, gate, opener):
            os.close(descriptor)
    if number > 0:
        return number
    raise OSError(-number, os.strerror(-number))


def _fork_and_leave(writer: int) -> int:
    """Fork, write the process id or the error, and end; only the new process gets the result 0."""
    try:
        pid = os.fork()
    except OSError as error:
        pid = -(error.errno or 1)
    if pid == 0:
        os.close(writer)
        os.setpgid(0, 0)
        return 0
    if pid > 0:
        with suppress(OSError):  # it has ended
            # Before the supervisor learns the number: it may have to kill the group at once.
            os.setpgid(pid, pid)
    os.write(writer, str(pid).encode())
    os._exit(0)
