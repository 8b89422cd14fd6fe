"""WorkerCMD: `taskiq worker` as a command of the older entry-point group."""

from collections.abc import Sequence

from taskiq_cli.compat.run_worker import run_worker
from taskiq_cli.compat.worker_args import WorkerArgs
from taskiq_core.abc.cmd import TaskiqCMD


class WorkerCMD(TaskiqCMD):
    """Runs workers, with the options of `taskiq worker`."""

    short_help = "Helper to run workers"

    def exec(self, args: Sequence[str]) -> int | None:
        """Run workers until a signal stops them, and return the exit status."""
        return run_worker(WorkerArgs.from_cli(args))
