"""The receiver alone: messages at hand, no network, no result store.

Runs under taskiq 0.13 and under ours: only public import paths of `taskiq`.
"""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncGenerator
from uuid import uuid4

from taskiq import AckableMessage, AsyncBroker, BrokerMessage, TaskiqMessage
from taskiq.receiver import Receiver


async def nothing() -> None:
    """Stand in for an acknowledgement that costs nothing."""


class AtHandBroker(AsyncBroker):
    """Yields the messages it was given, then waits, as an empty queue does."""

    def __init__(self, *, ackable: bool) -> None:
        super().__init__()
        self.ackable = ackable
        self.messages: list[bytes] = []

    async def kick(self, message: BrokerMessage) -> None:
        self.messages.append(message.message)

    async def listen(self) -> AsyncGenerator[bytes | AckableMessage, None]:
        for message in self.messages:
            yield AckableMessage(data=message, ack=nothing) if self.ackable else message
        await asyncio.Event().wait()


async def microseconds_per_message(count: int, *, ackable: bool) -> float:
    broker = AtHandBroker(ackable=ackable)
    finished = asyncio.Event()
    executed = 0
    ended = 0.0

    @broker.task(task_name="noop")
    async def noop() -> None:
        nonlocal executed, ended
        executed += 1
        if executed == count:
            ended = time.perf_counter()
            finished.set()

    for _ in range(count):
        message = TaskiqMessage(
            task_id=uuid4().hex, task_name="noop", labels={}, labels_types={}, args=[], kwargs={}
        )
        await broker.kick(broker.formatter.dumps(message))
    broker.is_worker_process = True
    receiver = Receiver(broker, max_async_tasks=100)

    started = time.perf_counter()
    await asyncio.wait_for(receiver.listen(finished), timeout=120)

    if executed != count:
        raise SystemExit(f"{executed} of {count} messages were executed")
    return (ended - started) / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    options = parser.parse_args()
    asyncio.run(microseconds_per_message(500, ackable=False))  # warm-up
    figures = {
        "receiver": asyncio.run(microseconds_per_message(options.count, ackable=False)),
        "receiver_ackable": asyncio.run(microseconds_per_message(options.count, ackable=True)),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
