"""BlockingClient has the parameters and the results of the tasks that it sends."""

from typing import assert_type

from taskiq import BlockingClient, InMemoryBroker, TaskiqResult

broker = InMemoryBroker()
client = BlockingClient(broker)


@broker.task
async def add(first: int, second: int) -> int:
    return first + second


@broker.task
def shout(text: str) -> str:
    return text.upper()


assert_type(client.kiq(add, 1, second=2).wait_result(), TaskiqResult[int])
assert_type(client.kiq(shout, "a").wait_result(), TaskiqResult[str])
assert_type(client.kiq(add.kicker(), 1, 2).wait_result(), TaskiqResult[int])
client.kiq(add, "one", 2)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]  # an int is expected
