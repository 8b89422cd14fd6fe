"""QueueStore: the keys of a broker's queues, and the connections over which their scripts run."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from taskiq_redis.errors import RedisRightsError
from taskiq_redis.storage.connection import Argument, PipelinedConnection
from taskiq_redis.storage.keys import key_base
from taskiq_redis.storage.scripts import script
from taskiq_redis.storage.servers import Server

CHUNK: Final = 1_000
"""Messages of one script at most: the server does nothing else meanwhile."""


class QueueStore:
    """The queues of a broker on their server, as one event loop sees them.

    Attributes:
        base: the beginning of all keys; what follows it in the keys of the default queue is `:` and
            the kind of the key, in the keys of another queue `:queue:`, its name, `:` and the kind.

    Args:
        server: opens connections.
        name: the name of the default queue.
        timeout: seconds that a reply may take.
    """

    def __init__(self, server: Server, name: str, *, timeout: float) -> None:
        self.server = server
        self.name = name
        self.timeout = timeout
        self.base = key_base(name)
        self.connection = PipelinedConnection(server, self.base, timeout=timeout)
        # Its own: a command that blocks would hold up those behind it.
        self._waiting = PipelinedConnection(server, self.base, timeout=timeout)

    def base_of(self, queue: str | None) -> str:
        """Return the beginning of the keys of a queue; None is the default queue."""
        return self.base if queue in (None, self.name) else f"{self.base}:queue:{queue}"

    def keys_of(self, queues: Sequence[str]) -> Sequence[str]:
        """Return the keys of a script for some queues; the default queue alone needs one key."""
        if len(queues) == 1 and queues[0] == self.name:
            return (self.base,)
        return (self.base, *map(self.base_of, queues))

    async def run(self, name: str, *arguments: Argument, keys: Sequence[str] | None = None) -> Any:
        """Run a script and return its reply.

        Args:
            name: the script.
            arguments: of the script.
            keys: of its queues, see `keys_of`; None for the default queue.
        """
        return await self.connection.run(script(name), keys or (self.base,), *arguments)

    async def queue_names(self) -> Sequence[str]:
        """Return the default queue, and the others that have held a message, by name."""
        names = await self.connection.call("SMEMBERS", f"{self.base}:queues")
        others = sorted(each.decode(errors="backslashreplace") for each in names)
        return (self.name, *(each for each in others if each != self.name))

    def keys_of_one(self, queue: str | None) -> Sequence[str]:
        """Return the keys of the queue that an operator names; of the default queue for None."""
        return (self.base,) if queue is None or queue == self.name else self.keys_of((queue,))

    async def wait_for_wakeup(self, seconds: float, queues: Sequence[str] = ()) -> None:
        """Wait until a worker of one of the queues is to fetch, and for `seconds` at most."""
        keys = [f"{self.base_of(queue)}:bell" for queue in queues or (self.name,)]
        try:
            await self._waiting.call("BLPOP", *keys, round(seconds, 3), patience=seconds)
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
