"""The options of `taskiq worker`."""

from taskiq_cli.compat.worker_args import WorkerArgs, receiver_arg_type

__all__ = ["WorkerArgs", "receiver_arg_type"]
