"""RabbitQueue: the parts of a broker that belong to one event loop."""

from collections.abc import Mapping
from dataclasses import dataclass

from taskiq_aio_pika.declarations import Exchange, Queue
from taskiq_aio_pika.queue.abort import ControlListener
from taskiq_aio_pika.queue.dead_letters import DeadLetters
from taskiq_aio_pika.queue.delays import DelayStages
from taskiq_aio_pika.queue.enqueue import Enqueuer
from taskiq_aio_pika.queue.expiry import ExpiredMessages
from taskiq_aio_pika.queue.held import HeldDeliveries
from taskiq_aio_pika.queue.settle import Settler
from taskiq_aio_pika.queue.topology import Topology
from taskiq_aio_pika.storage.connection import RabbitConnection
from taskiq_aio_pika.storage.publisher import Publisher
from taskiq_aio_pika.storage.server import Server


@dataclass(frozen=True)
class QueueSettings:
    """What the parts of all event loops share.

    Attributes:
        server: the nodes.
        timeout: seconds without an answer after which a call is given up.
        queues: the queues of tasks, by name.
        default_queue: one of them.
        exchange: that tasks are published to; None for the default exchange.
        dead_letter_queue: the name of the queue of dead letters; None for one beside each queue.
        may_create: whether what is missing is created.
    """

    server: Server
    timeout: float
    queues: Mapping[str, Queue]
    default_queue: str
    exchange: Exchange | None
    dead_letter_queue: str | None
    may_create: bool


class RabbitQueue:
    """One connection, and what is done with it."""

    def __init__(self, settings: QueueSettings) -> None:
        self.connection = RabbitConnection(settings.server, timeout=settings.timeout)
        self.topology = Topology(
            self.connection,
            settings.queues,
            exchange=settings.exchange,
            dead_letter_queue=settings.dead_letter_queue,
            may_create=settings.may_create,
        )
        self.held = HeldDeliveries()
        self.publisher = Publisher(self.connection)
        stages = DelayStages(self.connection)
        self.enqueuer = Enqueuer(self.publisher, self.topology, stages)
        self.settler = Settler(self.enqueuer, self.publisher, self.topology)
        self.dead_letters = DeadLetters(self.connection, self.topology, self.enqueuer)
        self.expired = ExpiredMessages(self.connection, self.topology, self.settler, self.held)
        self.control = ControlListener(self.connection, self.held, settings.default_queue)

    async def close(self) -> None:
        """Wait for what is under way, and disconnect."""
        await self.publisher.close()
        await self.control.close()
        await self.connection.close()
