"""The tasks of the census, for the program that sends them and for its workers."""

import os
from dataclasses import dataclass

from count import Census, take_census

from taskiq import ZeroMQBroker

ADDRESS = os.environ.get("CENSUS_ADDRESS", "tcp://127.0.0.1:5555")

broker = ZeroMQBroker(zmq_pub_host=ADDRESS, zmq_sub_host=ADDRESS)


@dataclass(frozen=True)
class Report:
    """A census, and the process that took it."""

    census: Census
    worker: int


@broker.task
def report_on(path: str) -> Report:
    """Take the census of one file."""
    return Report(take_census(path), worker=os.getpid())
