import asyncio

from taskiq import InMemoryBroker

broker = InMemoryBroker()


@broker.task
async def add(first: int, second: int) -> int:
    return first + second


async def main() -> None:
    task = await add.kiq(1, 2)
    result = await task.wait_result()
    print(result.return_value)


asyncio.run(main())
