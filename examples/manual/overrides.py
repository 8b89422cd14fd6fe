import asyncio
from typing import Annotated

from taskiq import InMemoryBroker, TaskiqDepends

broker = InMemoryBroker()


def clock() -> str:
    return "the real time"


@broker.task
async def note(now: Annotated[str, TaskiqDepends(clock)]) -> str:
    return f"noted at {now}"


async def main() -> None:
    broker.dependency_overrides[clock] = lambda: "noon"
    task = await note.kiq()
    print((await task.wait_result()).return_value)


asyncio.run(main())
