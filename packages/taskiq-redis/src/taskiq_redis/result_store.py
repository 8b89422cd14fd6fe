"""ResultStore: results on the server, as one event loop sees them."""

import asyncio
from collections.abc import Collection, Sequence

from taskiq_core.brokers.coalescer import Coalescer
from taskiq_redis.result_waiter import Read, ResultWaiter
from taskiq_redis.storage.connection import Argument, PipelinedConnection
from taskiq_redis.storage.scripts import script
from taskiq_redis.storage.servers import Server


class ResultStore:
    """Saves and loads results; calls of one turn of the event loop share a command.

    A stored result is the fence of its delivery, a line feed, and the result.

    Args:
        server: opens connections.
        prefix: the beginning of the keys.
        milliseconds: how long results are kept; 0 for ever.
        poll_interval: seconds after which waiting callers look for results without a message.
        timeout: seconds that a reply may take.
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
        self.connection = PipelinedConnection(server, prefix, timeout=timeout)
        self.save = Coalescer[tuple[str, int | None, bytes], None](self._save)
        self.load = Coalescer[str, bytes | None](self._load)
        self._milliseconds = milliseconds
        self._waiter = ResultWaiter(
            server, self._find_ready, poll_interval, timeout=timeout, uses_published=keeps
        )

    async def wait(self, key: str, read: Read) -> bytes:
        """Return the value of a key as soon as it exists."""
        return await self._waiter.wait(key, read)

    async def close(self) -> None:
        """Wait for the calls under way, and disconnect."""
        await self._waiter.stop()
        await self.save.wait_idle()
        await self.load.wait_idle()
        await self.connection.close()

    async def _save(self, items: Sequence[tuple[str, int | None, bytes]]) -> Sequence[None]:
        arguments: list[Argument] = [self._milliseconds]
        arguments += (b"%d\n%b" % (fence or 0, body) for _, fence, body in items)
        keys = [key for key, _, _ in items]
        await self.connection.run(script("set_results"), keys, *arguments)
        return [None] * len(items)

    async def _load(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        found: list[bytes | None] = await self.connection.call("MGET", *keys)
        return found

    async def _find_ready(self, keys: Collection[str]) -> Collection[str]:
        """Return the keys that exist; without their values, which may be large."""
        found = await asyncio.gather(*(self.connection.call("EXISTS", key) for key in keys))
        return [key for key, exists in zip(keys, found, strict=True) if exists]
