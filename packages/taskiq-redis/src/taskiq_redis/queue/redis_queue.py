"""RedisQueue: the queue as one event loop sees it."""

from taskiq_redis.queue.enqueue import Enqueuer
from taskiq_redis.queue.settle import Settler
from taskiq_redis.queue.store import QueueStore
from taskiq_redis.storage.servers import Server


class RedisQueue:
    """The connections to a queue, and the calls that are gathered for one script.

    Args:
        server: opens connections.
        name: the name of the queue.
        timeout: seconds that a reply may take.
    """

    def __init__(self, server: Server, name: str, *, timeout: float) -> None:
        self.store = QueueStore(server, name, timeout=timeout)
        self.settler = Settler(self.store)
        self.send = Enqueuer(self.store).send

    async def close(self) -> None:
        """Wait for the calls under way, and close the connections."""
        await self.store.stop_waiting()
        await self.send.wait_idle()
        await self.settler.acknowledge.wait_idle()
        await self.store.connection.close()
