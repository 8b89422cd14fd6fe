"""ResultStore: what can be done with results in the server, as one event loop sees it."""

import asyncio
from collections.abc import Collection, Sequence

from taskiq_core.brokers.coalescer import Coalescer
from taskiq_redis.line import Argument, Line
from taskiq_redis.scripts import script
from taskiq_redis.servers import Server
from taskiq_redis.watch import Read, ResultWatch


class ResultStore:
    """A connection, and what is asked for on it at the same time in one command.

    A stored result is the fence of its delivery, a line feed, and the result.

    Args:
        server: where results are.
        prefix: what their keys begin with.
        milliseconds: for which they are kept; 0 for ever.
        poll_interval: seconds after which those who wait look although there is no news.
        timeout: seconds that an answer may take.
        keeps: whether a result stays when it was read.
    """

    def __init__(
        self,
        server: Server,
        prefix: str,
        *,
        milliseconds: int,
        poll_interval: float,
        timeout: float,
        keeps: bool,
    ) -> None:
        self.line = Line(server, prefix, timeout=timeout)
        self.save = Coalescer[tuple[str, int | None, bytes], None](self._save)
        self.load = Coalescer[str, bytes | None](self._load)
        self._milliseconds = milliseconds
        self._watch = ResultWatch(
            server, self._ready, poll_interval, timeout=timeout, takes_what_is_told=keeps
        )

    async def wait(self, key: str, read: Read) -> bytes:
        """What is stored under a key, as soon as there is something."""
        return await self._watch.wait(key, read)

    async def close(self) -> None:
        """Let what is under way end, and hang up."""
        await self._watch.stop()
        await self.save.wait_idle()
        await self.load.wait_idle()
        await self.line.close()

    async def _save(self, items: Sequence[tuple[str, int | None, bytes]]) -> Sequence[None]:
        arguments: list[Argument] = [self._milliseconds]
        for _, fence, body in items:
            arguments += ("" if fence is None else fence, body)
        keys = [key for key, _, _ in items]
        await self.line.run(script("set_results"), keys, *arguments)
        return [None] * len(items)

    async def _load(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        found: list[bytes | None] = await self.line.call("MGET", *keys)
        return found

    async def _ready(self, keys: Collection[str]) -> Collection[str]:
        """Which of the keys there are; without reading what may be large."""
        found = await asyncio.gather(*(self.line.call("EXISTS", key) for key in keys))
        return [key for key, is_there in zip(keys, found, strict=True) if is_there]
