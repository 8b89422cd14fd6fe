"""SchedulerCMD: `taskiq scheduler` as a command of the older entry-point group."""

import asyncio
from collections.abc import Sequence

from taskiq_core.abc.cmd import TaskiqCMD
from taskiq_scheduler.arguments import SchedulerArgs
from taskiq_scheduler.process import run_scheduler


class SchedulerCMD(TaskiqCMD):
    """Runs a scheduler, with the options of `taskiq scheduler`."""

    short_help = "Run task scheduler"

    def exec(self, args: Sequence[str]) -> None:
        """Serve until a signal comes."""
        asyncio.run(run_scheduler(SchedulerArgs.from_cli(args)))
