"""`python -m taskiq_cli.supervisor OPTIONS`: what `taskiq worker` becomes."""

from __future__ import annotations

import os
import signal
import sys

from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.processes.shared_folder import SharedFolder
from taskiq_cli.processes.stderr_log import StderrLog
from taskiq_cli.supervisor.settings import SupervisorSettings
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
    log = StderrLog(settings.log_format, settings.log_level)
    supervisor = Supervisor(
        settings,
        log,
        Wakeups(signals),
        # A closed terminal sends SIGHUP as well: its user has left.
        reloads_on_hangup=not on_terminal,
    )
    try:
        folder = SharedFolder()
    except OSError as error:
        log.error(  # noqa: TRY400  # not of logging, and no traceback
            "The workers can't share a folder: %s",
            error,
        )
        return ExitCode.START_FAILED
    try:
        return supervisor.run()
    finally:
        folder.remove()


if __name__ == "__main__":
    sys.exit(main())
