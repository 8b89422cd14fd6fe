"""RedisQueue: the broker's queues as one event loop sees them."""

import asyncio
from collections.abc import Sequence

from taskiq_redis.queue.enqueue import Enqueuer
from taskiq_redis.queue.settle import RedisDelivery, Settler
from taskiq_redis.queue.store import QueueStore
from taskiq_redis.storage.servers import Server


class RedisQueue:
    """The connections to the queues, and the calls that are gathered for one script.

    Args:
        server: opens connections.
        name: the name of the default queue.
        timeout: seconds that a reply may take.
    """

    def __init__(self, server: Server, name: str, *, timeout: float) -> None:
        self.store = QueueStore(server, name, timeout=timeout)
        self._enqueuer = Enqueuer(self.store)
        self.send = self._enqueuer.send
        self._settlers: dict[str, Settler] = {}

    def settler(self, queue: str) -> Settler:
        """Return what settles the deliveries of a queue."""
        if queue not in self._settlers:
            self._settlers[queue] = Settler(self.store, queue)
        return self._settlers[queue]

    async def give_back(self, deliveries: Sequence[RedisDelivery]) -> None:
        """Return unstarted deliveries of any queue without counting an attempt."""
        await asyncio.gather(
            *(
                settler.give_back([each for each in deliveries if each.queue is settler])
                for settler in self._settlers.values()
            )
        )

    async def reclaim(self, queues: Sequence[str], owner: str | None = None) -> int:
        """Have deliveries delivered again.

        Args:
            queues: whose deliveries.
            owner: a worker that is dead; None for deliveries whose lease ran out.

        Returns:
            The number of deliveries taken from their workers.
        """
        return sum(await asyncio.gather(*(self.settler(each).reclaim(owner) for each in queues)))

    async def close(self) -> None:
        """Wait for the calls under way, and close the connections."""
        await self.store.stop_waiting()
        await self._enqueuer.wait_idle()
        for settler in self._settlers.values():
            await settler.acknowledge.wait_idle()
        await self.store.connection.close()
