"""A worker inside a program of one's own."""

from taskiq_core.api import run_receiver_task

__all__ = ["run_receiver_task"]
