"""Messages that expired in their queue: the server moves them to a queue of their own."""

from collections.abc import Sequence

from taskiq_aio_pika.queue.delivery import RabbitDelivery
from taskiq_aio_pika.queue.fetch import read_delivery
from taskiq_aio_pika.queue.held import HeldDeliveries
from taskiq_aio_pika.queue.settle import DeliveryChannel, Settler
from taskiq_aio_pika.queue.topology import Topology
from taskiq_aio_pika.storage.connection import RabbitConnection
from taskiq_aio_pika.storage.error_mapping import mapped_errors

MOST = 100
"""Messages that are taken at once."""


class ExpiredMessages:
    """Takes expired messages, on a channel of its own.

    Args:
        connection: of the event loop.
        topology: likewise.
        settler: likewise.
        held: likewise.
    """

    def __init__(
        self,
        connection: RabbitConnection,
        topology: Topology,
        settler: Settler,
        held: HeldDeliveries,
    ) -> None:
        self._connection = connection
        self._topology = topology
        self._settler = settler
        self._held = held
        self._source: DeliveryChannel | None = None

    async def take(self, queue: str) -> Sequence[RabbitDelivery]:
        """Take some expired messages of a queue of tasks."""
        name = self._topology.expired_of(queue)
        waiting = await self._connection.count(name)
        if not waiting:
            return ()
        source = await self._open()
        taken: list[RabbitDelivery] = []
        with mapped_errors(self._connection.address, timeout=self._connection.timeout):
            while len(taken) < min(waiting, MOST):
                message = await source.channel.basic_get(name)
                if message.delivery_tag is None:
                    break
                delivery = read_delivery(message, queue=queue, holder=source, settler=self._settler)
                # What the server dropped for another reason comes here, too, and is run.
                source.add(delivery)
                taken.append(delivery)
        late = [each for each in taken if each.expired]
        await self._settler.give_back([each for each in taken if not each.expired])
        return late

    async def _open(self) -> DeliveryChannel:
        if self._source is None or not self._source.is_open:
            channel = await self._connection.open_channel()
            self._source = DeliveryChannel(channel, self._connection, self._held)
        return self._source
