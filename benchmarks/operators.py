"""What an operator waits for, with few and with many messages: counts, pages, one message by id.

    python benchmarks/operators.py [--brokers redis sqlite] [--waiting 1000 1000000] [--calls 50]

Run it with the Python of an environment that has taskiq, taskiq-cli and the brokers. The Redis
server is a private one. Calls of the small and of the large queue take turns, so the last column,
the ratio of their medians, holds on a busy machine, too.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parent / "redis_queues"))  # the private server
from rig import redis_server

from taskiq import broker_from_url
from taskiq_core.broker import AsyncBroker
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.message_info import MessageFilter, MessageState

Call = Callable[[], Awaitable[object]]

BATCH = 1_000
PAGE = 100
BODY = b'{"task_id":"%b","task_name":"work","labels":{},"args":[1,"a text"],"kwargs":{}}'
COMMANDS = (("queue", "stats"), ("messages",), ("messages", "--id", "m500"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brokers", nargs="+", choices=URLS, default=list(URLS))
    parser.add_argument("--waiting", type=int, nargs=2, default=(1_000, 1_000_000))
    parser.add_argument("--calls", type=int, default=50)
    options = parser.parse_args()
    print(f"{'milliseconds, medians':44}{options.waiting[0]:>10,}{options.waiting[1]:>12,}   ratio")
    for name in options.brokers:
        with ExitStack() as stack:
            urls = [stack.enter_context(URLS[name]()) for _ in options.waiting]
            for title, few, many in measures(urls, options.waiting, options.calls):
                print(
                    f"{name + ': ' + title:44}{few:10.2f}{many:12.2f}{many / few:8.2f}", flush=True
                )


@contextmanager
def redis_url() -> Iterator[str]:
    with redis_server() as server:
        yield server.url


@contextmanager
def sqlite_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/tasks.db"


URLS = {"redis": redis_url, "sqlite": sqlite_url}


def measures(
    urls: list[str], waiting: tuple[int, int], calls: int
) -> Iterator[tuple[str, float, float]]:
    """Yield what is measured, and its median in milliseconds with few and with many messages."""
    timed = asyncio.run(in_process(urls, waiting, calls))
    for command in COMMANDS:
        samples = [[run(url, command) for url in urls] for _ in range(max(calls // 10, 3))]
        timed[f"`taskiq {' '.join(command)}`"] = samples
    for title, pairs in timed.items():
        few, many = (median(values) * 1e3 for values in zip(*pairs, strict=True))
        yield title, few, many


async def in_process(
    urls: list[str], waiting: tuple[int, int], calls: int
) -> dict[str, list[list[float]]]:
    """Fill the queues, and time each question to both of them, in turns."""
    brokers = [broker_from_url(url) for url in urls]
    questions: list[dict[str, Call]] = []
    for broker, count in zip(brokers, waiting, strict=True):
        await broker.startup()
        await fill(broker, count)
        questions.append(await questions_to(broker, count))
    samples: dict[str, list[list[float]]] = {title: [] for title in questions[0]}
    for _ in range(calls):
        for title, pairs in samples.items():
            pairs.append([await seconds(each[title]) for each in questions])
    for broker in brokers:
        await broker.shutdown()
    return samples


async def fill(broker: AsyncBroker, count: int) -> None:
    for first in range(0, count, BATCH):
        ids = [f"m{number}" for number in range(first, min(first + BATCH, count))]
        await broker.kick_many([message(task_id) for task_id in ids])


def message(task_id: str) -> BrokerMessage:
    body = BODY % task_id.encode()
    return BrokerMessage(task_id=task_id, task_name="work", message=body, labels={})


async def questions_to(broker: AsyncBroker, count: int) -> dict[str, Call]:
    waiting = MessageState.WAITING
    key = None
    for _ in range(10):  # to the middle of the queue
        key = (await broker.messages(waiting, after=key, limit=count // 20)).after
    by_id = MessageFilter(task_id="m500")
    by_name = MessageFilter(task_name="another")
    return {
        "counts and age": broker.stats,
        "names of queues": broker.queue_names,
        f"the first {PAGE} messages": lambda: broker.messages(waiting, limit=PAGE),
        f"{PAGE} messages in the middle": lambda: broker.messages(waiting, after=key, limit=PAGE),
        "one message by its id": lambda: broker.messages(waiting, where=by_id),
        "a page of another task": lambda: broker.messages(waiting, where=by_name, limit=PAGE),
    }


async def seconds(call: Call) -> float:
    start = time.perf_counter()
    await call()
    return time.perf_counter() - start


def run(url: str, command: tuple[str, ...]) -> float:
    """Return the seconds of a whole command, the start of its process among them."""
    program = [str(Path(sys.executable).with_name("taskiq")), *command]
    start = time.perf_counter()
    environment = {**os.environ, "TASKIQ_BROKER_URL": url}
    subprocess.run(program, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
