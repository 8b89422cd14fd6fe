"""A type checker knows the parameters of a task in the checks, too."""

from typing import assert_type

from taskiq import InMemoryBroker
from taskiq_pytest import SentTask, TestBroker

broker = InMemoryBroker()


@broker.task
async def add(first: int, second: int) -> int:
    return first + second


def check(test_broker: TestBroker) -> None:
    assert_type(test_broker.assert_sent_with(add, 1, second=2), SentTask)
    assert_type(test_broker.assert_sent(add), list[SentTask])
    test_broker.assert_sent_with(add, "one", 2)  # type: ignore[arg-type]  # the first is an int
    test_broker.assert_sent_with(add, 1)  # type: ignore[call-arg]  # the second is missing
