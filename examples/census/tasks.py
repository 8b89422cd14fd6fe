"""The tasks of the census, for the program that sends them and for its workers."""

import os
from dataclasses import dataclass

from count import Census, take_census

from taskiq import broker_from_url

broker = broker_from_url()


@dataclass(frozen=True)
class Report:
    """A census, and the process that took it."""

    census: Census
    worker: int


@broker.task
def report_on(path: str) -> Report:
    """Take the census of one file."""
    return Report(take_census(path), worker=os.getpid())
