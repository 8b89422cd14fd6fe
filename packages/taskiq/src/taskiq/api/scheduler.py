"""A scheduler inside a program of its own."""

from taskiq_scheduler.api import run_scheduler_task

__all__ = ["run_scheduler_task"]
