"""The application that the worker of the ZeroMQ and memory figures runs, and its client imports.

The worker counts the tasks it has run in a small file that the client maps too: the only sign of
life that taskiq 0.13's ZeroMQBroker, which returns nothing, can give.
"""

import mmap
import os
import struct
from pathlib import Path

from taskiq import ZeroMQBroker

PORT = os.environ["BENCHMARK_PORT"]
COUNTER = Path(os.environ["BENCHMARK_COUNTER"])

broker = ZeroMQBroker(
    zmq_pub_host=f"tcp://127.0.0.1:{PORT}", zmq_sub_host=f"tcp://127.0.0.1:{PORT}"
)


def map_counter() -> mmap.mmap:
    with COUNTER.open("r+b") as file:
        return mmap.mmap(file.fileno(), 8)


def read_counter(counter: mmap.mmap) -> int:
    return int(struct.unpack_from("<q", counter)[0])


counter = map_counter()
executed = 0


@broker.task(task_name="noop")
async def noop() -> None:
    global executed  # noqa: PLW0603
    executed += 1
    struct.pack_into("<q", counter, 0, executed)
