"""Workers and schedulers inside programs of their own."""

from taskiq.api.receiver import run_receiver_task
from taskiq.api.scheduler import run_scheduler_task

__all__ = ["run_receiver_task", "run_scheduler_task"]
