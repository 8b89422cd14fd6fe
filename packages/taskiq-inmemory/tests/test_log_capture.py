"""What a task logs is in its result, and in no other's."""

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest

from taskiq_inmemory import InMemoryBroker

logger = logging.getLogger("application")


@pytest.fixture
def broker() -> Iterator[InMemoryBroker]:
    handlers = list(logging.getLogger().handlers)
    yield InMemoryBroker(logs_format="%(levelname)s %(name)s %(message)s")
    for handler in set(logging.getLogger().handlers) - set(handlers):
        logging.getLogger().removeHandler(handler)


async def test_tasks_that_run_at_once_have_logs_of_their_own(broker: InMemoryBroker) -> None:
    both = asyncio.Barrier(2)

    @broker.task
    async def talk(name: str) -> None:
        logger.warning("%s begins", name)
        await both.wait()
        logger.error("%s ends", name)

    tasks = [await talk.kiq("one"), await talk.kiq("two")]

    assert [(await task.wait_result(with_logs=True)).log for task in tasks] == [
        "WARNING application one begins\nERROR application one ends\n",
        "WARNING application two begins\nERROR application two ends\n",
    ]


async def test_threads_have_logs_of_their_own(broker: InMemoryBroker) -> None:
    both = threading.Barrier(2)

    @broker.task
    def talk(name: str) -> None:
        logger.warning("%s begins", name)
        both.wait(30)
        logger.warning("%s ends", name)

    tasks = [await talk.kiq("one"), await talk.kiq("two")]

    assert [(await task.wait_result(with_logs=True)).log for task in tasks] == [
        "WARNING application one begins\nWARNING application one ends\n",
        "WARNING application two begins\nWARNING application two ends\n",
    ]


async def test_what_a_task_starts_logs_for_it(broker: InMemoryBroker) -> None:
    async def helper() -> None:
        logger.warning("from a helper")

    @broker.task
    async def delegate() -> None:
        await asyncio.create_task(helper())
        await asyncio.to_thread(logger.warning, "from a thread")

    task = await delegate.kiq()

    assert (await task.wait_result(with_logs=True)).log == (
        "WARNING application from a helper\nWARNING application from a thread\n"
    )


async def test_log_is_there_though_the_task_failed(broker: InMemoryBroker) -> None:
    @broker.task
    async def fail() -> None:
        logger.warning("about to fail")
        raise ValueError("no")

    result = await (await fail.kiq()).wait_result(with_logs=True)

    assert result.is_err
    assert result.log is not None
    assert result.log.startswith("WARNING application about to fail\n")


async def test_what_is_logged_outside_of_tasks_is_in_no_log(broker: InMemoryBroker) -> None:
    started, gate = asyncio.Event(), asyncio.Event()

    @broker.task
    async def quiet() -> None:
        started.set()
        await gate.wait()

    task = await quiet.kiq()
    await started.wait()
    logger.warning("from the program")
    gate.set()

    assert (await task.wait_result(with_logs=True)).log == ""


async def test_log_is_left_out_unless_it_is_asked_for(broker: InMemoryBroker) -> None:
    @broker.task
    async def talk() -> None:
        logger.warning("hello")

    task = await talk.kiq()

    assert (await task.wait_result()).log is None
    assert (await task.get_result()).log is None
    assert (await task.get_result(with_logs=True)).log == "WARNING application hello\n"


async def test_without_a_format_nothing_is_collected() -> None:
    handlers = list(logging.getLogger().handlers)
    broker = InMemoryBroker()

    @broker.task
    async def talk() -> None:
        logger.warning("hello")

    assert (await (await talk.kiq()).wait_result(with_logs=True)).log is None
    assert logging.getLogger().handlers == handlers


async def test_shutdown_takes_the_handler_out_and_startup_puts_it_back() -> None:
    handlers = list(logging.getLogger().handlers)
    broker = InMemoryBroker(logs_format="%(message)s")

    @broker.task
    async def talk() -> None:
        logger.warning("hello")

    for _ in range(2):
        async with broker:
            task = await talk.kiq()
            assert (await task.wait_result(with_logs=True)).log == "hello\n"
        assert logging.getLogger().handlers == handlers


async def test_exception_that_was_logged_is_in_it(broker: InMemoryBroker) -> None:
    @broker.task
    async def careful() -> None:
        try:
            raise ValueError("inner")
        except ValueError:
            logger.exception("went wrong")

    log = (await (await careful.kiq()).wait_result(with_logs=True)).log

    assert log is not None
    assert log.startswith("ERROR application went wrong\nTraceback (most recent call last):\n")
    assert log.endswith("ValueError: inner\n")
