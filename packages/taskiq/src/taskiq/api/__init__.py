"""Workers inside programs of their own."""

from taskiq.api.receiver import run_receiver_task

__all__ = ["run_receiver_task"]
