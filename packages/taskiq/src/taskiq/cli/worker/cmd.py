"""`taskiq worker` as a command of the older entry-point group."""

from taskiq_cli.older.command import WorkerCMD

__all__ = ["WorkerCMD"]
