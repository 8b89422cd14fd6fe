import asyncio
import time
from typing import Annotated

from taskiq import Context, InMemoryBroker, TaskiqDepends

broker = InMemoryBroker()


@broker.task(timeout=0.1)
async def slow() -> None:
    await asyncio.sleep(60)


@broker.task
def count_forever(context: Annotated[Context, TaskiqDepends()]) -> None:
    while not context.cancellation.is_requested:
        time.sleep(0.01)


async def main() -> None:
    result = await (await slow.kiq()).wait_result()
    print(type(result.error).__name__, result.error)

    task = await count_forever.kiq()
    await asyncio.sleep(0.1)
    print(await task.abort())
    result = await task.wait_result()
    print(type(result.error).__name__)


asyncio.run(main())
