"""JetStreamQueue: the queue of a broker, as one event loop sees it."""

from taskiq_nats.queue.enqueue import Enqueuer
from taskiq_nats.queue.fetch import Fetcher
from taskiq_nats.queue.settle import Settler
from taskiq_nats.queue.watch import QueueWatch
from taskiq_nats.storage.connection import NatsConnection
from taskiq_nats.storage.names import QueueNames
from taskiq_nats.storage.server import NatsServer


class JetStreamQueue:
    """The parts of a queue, over one connection.

    Attributes:
        connection: to the server.
        names: of its streams and subjects.
        watch: knows aborts and pauses.
        settler: settles its deliveries.
        enqueuer: stores its messages.

    Args:
        server: opens connections.
        queue: its name.
    """

    def __init__(self, server: NatsServer, queue: str) -> None:
        self.connection = NatsConnection(server)
        self.names = QueueNames(queue)
        self.watch = QueueWatch(self.connection, self.names)
        self.settler = Settler(self.connection, self.names, self.watch)
        self.enqueuer = Enqueuer(self.connection, self.names)

    def fetcher(self, *, lease: float) -> Fetcher:
        """Return what leases messages to a worker for `lease` seconds."""
        return Fetcher(self.connection, self.names, self.settler, self.watch, lease=lease)

    async def close(self) -> None:
        """Wait for the calls under way, and disconnect."""
        await self.settler.acknowledge.wait_idle()
        await self.watch.stop()
        await self.connection.close()
