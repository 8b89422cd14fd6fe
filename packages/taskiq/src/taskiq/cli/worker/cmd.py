"""`taskiq worker` as a command of the older entry-point group."""

from taskiq_cli.compat.worker_cmd import WorkerCMD

__all__ = ["WorkerCMD"]
