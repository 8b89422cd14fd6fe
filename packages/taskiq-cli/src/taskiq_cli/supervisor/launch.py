"""The step from `taskiq worker` to the supervisor.

`python -m taskiq_cli.supervisor.launch OPTIONS` does it for programs.
"""

import os
import sys
from dataclasses import replace
from typing import NoReturn

from taskiq_cli.options import WorkerOptions
from taskiq_cli.processes.python_command import python_command
from taskiq_cli.processes.subreaper import become_subreaper


def become_supervisor(options: WorkerOptions) -> NoReturn:
    """Replace this process by the supervisor.

    Parsing the command line took click; supervising takes neither click nor anything else that was
    imported so far, and lasts for days. The process id stays.

    Args:
        options: of the workers.
    """
    options = replace(options, fork_server=options.wants_fork_server and become_subreaper())
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, python_command("taskiq_cli.supervisor", options.to_json()))  # noqa: S606  # no shell


if __name__ == "__main__":
    become_supervisor(WorkerOptions.from_json(sys.argv[1]))
