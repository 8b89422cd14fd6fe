"""The stores of an endurance run, and how much is in them."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis import Redis

from taskiq_testservers.redis_server import RedisServer

RESULT_SECONDS: Final = 5
"""For how long results are kept."""
OPTIONS: Final = "lease=10&history=1000"
"""Expired results are deleted when leases are looked at; the history is full after a minute."""


@dataclass(frozen=True, slots=True)
class Store:
    """A store.

    Attributes:
        url: of the broker.
        rows: counts what is stored, by kind.
    """

    url: str
    rows: Callable[[], dict[str, int]]


@asynccontextmanager
async def sqlite_store(folder: Path) -> AsyncIterator[Store]:
    """A file."""
    path = folder / "endurance.db"
    url = f"sqlite:///{path}?result_ttl={RESULT_SECONDS}&{OPTIONS}"

    def rows() -> dict[str, int]:
        connection = sqlite3.connect(path, timeout=20.0)
        try:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            names = [name for (name,) in found.fetchall()]
            # Each minute adds counters, which are kept for a day.
            names = [name for name in names if name != "minute_counters"]
            return {
                name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
                for name in names
            }
        finally:
            connection.close()

    yield Store(url, rows)


@asynccontextmanager
async def redis_store(folder: Path) -> AsyncIterator[Store]:
    """A private server."""
    async with RedisServer(folder, "--appendonly", "no") as server:
        url = f"{server.url}?result_ex_time={RESULT_SECONDS}&{OPTIONS}"
        redis: Redis = Redis.from_url(server.url, decode_responses=True)
        sizes: dict[str, Callable[[str], Any]] = {
            "hash": redis.hlen,
            "list": redis.llen,
            "set": redis.scard,
            "stream": redis.xlen,
            "zset": redis.zcard,
        }

        def rows() -> dict[str, int]:
            counted: dict[str, int] = {}
            for key in redis.scan_iter(count=1000):
                kind = key.split(":")[1]
                if kind in ("counters", "minutes"):  # kept for a day, as in SQLite
                    continue
                size = sizes.get(str(redis.type(key)))
                counted[kind] = counted.get(kind, 0) + (size(key) if size else 1)
            return counted

        try:
            yield Store(url, rows)
        finally:
            redis.close()


STORES: Final = {"sqlite": sqlite_store, "redis": redis_store}
