"""Workers started by a program."""

from taskiq_cli.compat.run_worker import (
    get_receiver_type,
    run_worker,
    shutdown_broker,
    start_listen,
)

__all__ = ["get_receiver_type", "run_worker", "shutdown_broker", "start_listen"]
