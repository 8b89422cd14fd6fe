import asyncio
from datetime import date

from pydantic import BaseModel

from taskiq import InMemoryBroker
from taskiq.serializers import MSGPackSerializer


class Order(BaseModel):
    number: int
    due: date


broker = InMemoryBroker().with_serializer(MSGPackSerializer())


@broker.task
async def ship(order: Order) -> Order:
    assert isinstance(order, Order)
    return order.model_copy(update={"due": date(2026, 3, 9)})


async def main() -> None:
    task = await ship.kiq(Order(number=7, due=date(2026, 3, 2)))
    print(repr((await task.wait_result()).return_value))


asyncio.run(main())
