"""PostgresQueue: the broker's queues as one event loop sees them."""

from taskiq_pgsql.queue.enqueue import Enqueuer
from taskiq_pgsql.queue.settle import Settler
from taskiq_pgsql.storage.database import Connections


class PostgresQueue:
    """The calls that are gathered for one statement.

    Attributes:
        enqueuer: stores messages.
        settler: settles deliveries.

    Args:
        connections: to the database.
    """

    def __init__(self, connections: Connections) -> None:
        self.enqueuer = Enqueuer(connections)
        self.settler = Settler(connections)

    async def wait_idle(self) -> None:
        """Wait until nothing is under way."""
        await self.enqueuer.wait_idle()
        await self.settler.wait_idle()
