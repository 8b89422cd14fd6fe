"""QueueStore: the keys of a queue, and the connections over which its scripts run."""

import asyncio
from typing import Any, Final

from taskiq_redis.errors import RedisRightsError
from taskiq_redis.storage.connection import Argument, PipelinedConnection
from taskiq_redis.storage.keys import key_base
from taskiq_redis.storage.scripts import script
from taskiq_redis.storage.servers import Server

CHUNK: Final = 1_000
"""Messages of one script at most: the server does nothing else meanwhile."""


class QueueStore:
    """A queue on its server, as one event loop sees it.

    Args:
        server: opens connections.
        name: the name of the queue.
        timeout: seconds that a reply may take.
    """

    def __init__(self, server: Server, name: str, *, timeout: float) -> None:
        self.server = server
        self.timeout = timeout
        self.base = key_base(name)
        self.connection = PipelinedConnection(server, self.base, timeout=timeout)
        # Its own: a command that blocks would hold up those behind it.
        self._waiting = PipelinedConnection(server, self.base, timeout=timeout)

    async def run(self, name: str, *arguments: Argument) -> Any:
        """Run a script of the queue and return its reply."""
        return await self.connection.run(script(name), [self.base], *arguments)

    async def wait_for_wakeup(self, seconds: float) -> None:
        """Wait until a worker is to fetch, and for `seconds` at most."""
        key = f"{self.base}:bell"
        try:
            await self._waiting.call("BLPOP", key, round(seconds, 3), patience=seconds)
        except asyncio.CancelledError:
            # Otherwise the server would give the next wakeup to a worker that is gone.
            await self.stop_waiting()
            raise

    async def stop_waiting(self) -> None:
        """Close the connection that waits for wakeups."""
        await self._waiting.close()

    async def check_rights(self, *, with_results: bool) -> None:
        """Check what the user may do before a script fails half-way.

        Args:
            with_results: whether results are kept on the same server.

        Raises:
            RedisRightsError: the user lacks a right.
        """
        missing = await self.run("rights", int(with_results))
        if missing:
            reason = "it lacks " + " ".join(each.decode() for each in missing)
            address = self.server.address
            raise RedisRightsError(address=address, command="a worker", reason=reason)
