"""Starting a module of this package in a new Python."""

from __future__ import annotations

import os
import sys

from taskiq_cli.processes.python_command import python_command

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from collections.abc import Iterable


def spawn_python(module: str, descriptors: Iterable[int], *arguments: str) -> int:
    """Run a module in a process group of its own, with nothing to read.

    Args:
        module: the module, whose first arguments are the descriptors.
        descriptors: what the process inherits beside the standard ones.
        arguments: further arguments.

    Returns:
        The process id.

    Raises:
        OSError: it can't be started.
    """
    numbers: list[str] = []
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
        numbers.append(str(descriptor))
    return os.posix_spawn(
        sys.executable,
        python_command(module, *numbers, *arguments),
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
        # Ctrl-C in the terminal is for this process alone, and a kill takes grandchildren along.
        setpgroup=0,
    )
