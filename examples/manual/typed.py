import asyncio
from typing import assert_type

from taskiq import InMemoryBroker
from taskiq.task import AsyncTaskiqTask

broker = InMemoryBroker()


@broker.task
async def add(first: int, second: int) -> int:
    return first + second


async def main() -> None:
    task = await add.kiq(1, second=2)
    assert_type(task, AsyncTaskiqTask[int])
    result = await task.wait_result()
    assert_type(result.return_value, int)
    print(result.return_value)


asyncio.run(main())
