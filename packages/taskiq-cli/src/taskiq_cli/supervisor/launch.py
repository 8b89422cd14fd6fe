"""The step from `taskiq worker` to the supervisor."""

import os
import sys
from typing import NoReturn

from taskiq_cli.processes.python_command import python_command


def become_supervisor(options: str) -> NoReturn:
    """Replace this process by the supervisor.

    Parsing the command line took click; supervising takes neither click nor anything else that was
    imported so far, and lasts for days. The process id stays.

    Args:
        options: as `WorkerOptions.to_json` wrote them.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, python_command("taskiq_cli.supervisor", options))  # noqa: S606  # no shell
