"""`python -m taskiq_cli.supervisor OPTIONS`: what `taskiq worker` becomes."""

from __future__ import annotations

import os
import signal
import sys

from taskiq_cli.supervisor.line_log import LineLog
from taskiq_cli.supervisor.settings import SupervisorSettings
from taskiq_cli.supervisor.shared_folder import make_shared_folder, remove_shared_folder
from taskiq_cli.supervisor.supervisor import STOP_SIGNALS, Supervisor
from taskiq_cli.supervisor.wakeups import Wakeups


def main() -> int:
    """Supervise the workers that the first argument describes."""
    settings = SupervisorSettings(sys.argv[1])
    on_terminal = os.isatty(sys.stderr.fileno())
    signals = [signal.SIGCHLD, *STOP_SIGNALS]
    # Off a terminal SIGHUP asks for a reload, also where it was ignored by the parent (nohup).
    if not on_terminal or signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    supervisor = Supervisor(
        settings,
        LineLog(settings.log_format, settings.log_level),
        Wakeups(signals),
        # A closed terminal sends SIGHUP as well: then there is nobody left to work for.
        reloads_on_hangup=not on_terminal,
    )
    folder = make_shared_folder()
    try:
        return supervisor.run()
    finally:
        remove_shared_folder(folder)


if __name__ == "__main__":
    sys.exit(main())
