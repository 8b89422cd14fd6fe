import asyncio
from collections.abc import AsyncIterator

from taskiq import Context, InMemoryBroker, TaskiqDepends

broker = InMemoryBroker()


class Database:
    async def name_of(self, user_id: int) -> str:
        return f"user {user_id}"


async def connect() -> AsyncIterator[Database]:
    print("connected")
    yield Database()
    print("closed")


@broker.task
async def greet(
    user_id: int,
    database: Database = TaskiqDepends(connect),
    context: Context = TaskiqDepends(),
) -> str:
    name = await database.name_of(user_id)
    return f"Hello, {name}! This is attempt {context.attempt} of {context.message.task_name}."


async def main() -> None:
    task = await greet.kiq(7)
    print((await task.wait_result()).return_value)


asyncio.run(main())
