import asyncio
from typing import Annotated

from taskiq import Context, InMemoryBroker, TaskiqDepends, TaskiqEvents, TaskiqState

broker = InMemoryBroker()


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def open_pool(state: TaskiqState) -> None:
    state.pool = "a pool of connections"


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def close_pool(state: TaskiqState) -> None:
    print("closed", state.pool)


@broker.task
async def work(context: Annotated[Context, TaskiqDepends()]) -> str:
    return f"worked with {context.state.pool}"


async def main() -> None:
    async with broker:
        task = await work.kiq()
        print((await task.wait_result()).return_value)


asyncio.run(main())
