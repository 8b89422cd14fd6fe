"""What raw statements of asyncpg reach on tables as ours."""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Coroutine
from typing import Any

import asyncpg

from taskiq_pgsql import PostgresBroker
from taskiq_pgsql.queue.enqueue import INSERT
from taskiq_pgsql.queue.fetch import FETCH
from taskiq_pgsql.queue.fetch_positions import HIGHEST, LOWEST
from taskiq_pgsql.queue.settle import ACKNOWLEDGE
from taskiq_pgsql.result_store import SAVE

PART = (["default"], [LOWEST], [0], [HIGHEST])
BODY = b'{"task_id":"","task_name":"noop","labels":{},"labels_types":{},"args":[],"kwargs":{}}' * 2


def rows(count: int) -> list[list[object]]:
    ids = [os.urandom(16).hex() for _ in range(count)]
    return [["default"] * count, ids, ["noop"] * count, [BODY] * count, [], [], [], []]


class Floor:
    """The statements of our broker, prepared on one connection."""

    async def open(self, url: str) -> None:
        broker = PostgresBroker(url)
        await broker.startup()
        self.connection = await asyncpg.connect(url)
        await self.connection.execute("SET enable_seqscan = off")
        texts = map(broker.database.server.sql, (INSERT, FETCH, SAVE, ACKNOWLEDGE))
        statements = [await self.connection.prepare(text) for text in texts]
        self.insert, self.fetch, self.save, self.acknowledge = statements
        await broker.shutdown()

    async def insert_many(self, count: int, size: int) -> None:
        for _ in range(0, count, size):
            await self.insert.fetch(*rows(size))

    async def drain(self, count: int, size: int) -> None:
        for _ in range(0, count, size):
            found = await self.fetch.fetch(size, 60.0, "worker", 1, *PART)
            ids, fences = [row["id"] for row in found], [row["fence"] for row in found]
            tasks = [row["task_id"] for row in found]
            await self.save.fetch(tasks, fences, [BODY] * len(ids), 86_400.0)
            await self.acknowledge.fetch(ids, fences)

    async def round_trip(self) -> None:
        await self.insert_many(1, 1)
        await self.drain(1, 1)


async def main(url: str, measure: str, count: int) -> None:
    floor = Floor()
    await floor.open(url)
    if measure == "drain":
        await floor.insert_many(count, 1_000)
    begin = time.perf_counter()
    if measure == "round_trip":
        print(statistics.median([await timed(floor.round_trip()) for _ in range(200)]))
    elif measure == "drain":
        await floor.drain(count, 100)
        print(count / (time.perf_counter() - begin))
    else:
        await floor.insert_many(count, 1 if measure == "send" else 1_000)
        print(count / (time.perf_counter() - begin))
    await floor.connection.close()


async def timed(call: Coroutine[Any, Any, None]) -> float:
    """Milliseconds of a call."""
    begin = time.perf_counter()
    await call
    return 1000 * (time.perf_counter() - begin)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
