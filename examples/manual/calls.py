import asyncio

from taskiq import InMemoryBroker

broker = InMemoryBroker()


@broker.task(priority=5)
async def resize(path: str, width: int = 100) -> str:
    return f"{path} is {width} wide"


async def main() -> None:
    # Here and now, as a function.
    print(await resize("a.png"))

    # In a worker.
    task = await resize.kiq("a.png", width=200)
    print((await task.wait_result()).return_value)

    # In a worker, this once with another label and an id of our own.
    task = await resize.kicker().with_labels(priority=9).with_task_id("resize-a").kiq("a.png")
    print(task.task_id, (await task.wait_result()).labels)


asyncio.run(main())
