"""What editors and type checkers see of taskiq. Checked by mypy and pyright, never run.

An error that must be found carries an ignore for each of them; both report an ignore that is not
needed.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from typing import Annotated, Any, assert_type

import taskiq
from taskiq import (
    INJECTED,
    AsyncBroker,
    AsyncTaskiqDecoratedTask,
    AsyncTaskiqTask,
    Context,
    InMemoryBroker,
    TaskiqDepends,
    TaskiqEvents,
    TaskiqResult,
    TaskiqState,
    ZeroMQBroker,
    async_shared_broker,
    broker_from_url,
    gather,
)

broker = InMemoryBroker()


@broker.task
async def add(left: int, right: int = 0) -> int:
    return left + right


@broker.task
def join(*words: str) -> str:
    return " ".join(words)


@broker.task(task_name="named", max_retries=3)
async def named(number: float) -> list[float]:
    return [number]


@async_shared_broker.task
async def shared(flag: bool) -> None: ...


@broker.task
async def with_context(
    name: str,
    context: Annotated[Context, TaskiqDepends()],
    state: TaskiqState = TaskiqDepends(),
) -> str:
    assert_type(context, Context)
    assert_type(state, TaskiqState)
    return f"{name} {context.message.task_id}"


@broker.task
async def injected(
    name: str,
    context: Annotated[Context, TaskiqDepends()] = INJECTED,
    state: Annotated[TaskiqState, TaskiqDepends()] = INJECTED,
) -> str:
    assert_type(context, Context)
    assert_type(state, TaskiqState)
    return name


async def dependencies_are_not_passed() -> None:
    assert_type(await injected.kiq("a"), AsyncTaskiqTask[str])
    assert_type(await injected.kicker().kiq(name="a"), AsyncTaskiqTask[str])
    await injected.kiq()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def kiq_returns_a_handle_of_the_result() -> None:
    assert_type(await add.kiq(1, 2), AsyncTaskiqTask[int])
    assert_type(await add.kiq(1, right=2), AsyncTaskiqTask[int])
    assert_type(await join.kiq("a", "b"), AsyncTaskiqTask[str])
    assert_type(await named.kiq(1.5), AsyncTaskiqTask[list[float]])
    assert_type(await shared.kiq(flag=True), AsyncTaskiqTask[None])


async def wrong_arguments_are_errors() -> None:
    await add.kiq("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await add.kiq()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await add.kiq(1, 2, 3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await add.kiq(1, wrong=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await join.kiq(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await add.kicker().kiq("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def a_task_is_called_like_its_function() -> None:
    assert_type(await add(1, 2), int)
    assert_type(join("a"), str)
    assert_type(await named(1), list[float])
    await add("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def a_kicker_keeps_parameters_and_result() -> None:
    kicker = add.kicker()
    assert_type(await kicker.with_labels(delay=1).kiq(1, 2), AsyncTaskiqTask[int])
    assert_type(await kicker.with_task_id("id").with_broker(broker).kiq(1), AsyncTaskiqTask[int])
    assert_type(await join.kicker().with_labels(a=1).kiq("a"), AsyncTaskiqTask[str])


async def results_have_the_type_of_the_task() -> None:
    task = await add.kiq(1, 2)
    assert_type(task.task_id, str)
    assert_type(await task.is_ready(), bool)
    assert_type(await task.wait_result(timeout=1), TaskiqResult[int])
    assert_type(await task.get_result(), TaskiqResult[int])
    assert_type((await task.wait_result()).return_value, int)
    assert_type((await (await join.kiq("a")).wait_result()).return_value, str)


async def brokers_and_their_parts() -> None:
    assert_type(taskiq.__version__, str)
    assert_type(broker, InMemoryBroker)
    assert_type(broker.with_event_handlers(TaskiqEvents.WORKER_STARTUP), InMemoryBroker)
    assert_type(ZeroMQBroker().with_middlewares(), ZeroMQBroker)
    found: AsyncBroker = broker_from_url("memory://")
    task: AsyncTaskiqDecoratedTask[..., Any] | None = found.find_task("named")
    assert task is not None
    _ = taskiq.InMemorryBroker  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


async def gathered_results() -> None:
    first, second = await add.kiq(1), await add.kiq(2)
    results = await gather(first, second, timeout=1)
    sums: list[int] = [result.return_value for result in results]
    assert_type(sum(sums), int)
    assert_type(results, tuple[TaskiqResult[int], TaskiqResult[int]])
    words = await join.kiq("a")
    mixed = await gather(first, words)
    assert_type(mixed, tuple[TaskiqResult[int], TaskiqResult[str]])
    assert_type(mixed[1].return_value, str)
    three = await gather(first, words, await named.kiq(1.5), periodicity=1)
    assert_type(three, tuple[TaskiqResult[int], TaskiqResult[str], TaskiqResult[list[float]]])
    many = await gather(*[await add.kiq(number) for number in range(3)])
    assert_type(many, tuple[TaskiqResult[int], ...])


async def a_task_of_unknown_parameters_takes_any(
    found: AsyncTaskiqDecoratedTask[Any, Any], other: AsyncTaskiqDecoratedTask[..., Any]
) -> None:
    assert_type(await found.kiq(1, two=2), AsyncTaskiqTask[Any])
    assert_type(await other.kiq(1, two=2), AsyncTaskiqTask[Any])
    assert_type(await found.kicker().kiq(1), AsyncTaskiqTask[Any])
    named = broker.find_task("named")
    assert named is not None
    assert_type(await named.kiq(1), AsyncTaskiqTask[Any])
