"""Shapes of programs: several brokers, shared tasks, tasks made at run time, instances as tasks."""

from collections.abc import AsyncGenerator, Generator
from typing import Annotated, Any, Generic, TypeVar

import pytest

from taskiq_core import Context, TaskiqDepends, TaskiqState
from taskiq_core.broker import AsyncBroker
from taskiq_core.exceptions import UnknownTaskError
from taskiq_core.shared_broker import AsyncSharedBroker
from taskiq_inmemory import InMemoryBroker

_T = TypeVar("_T")


async def value_of(task: Any) -> Any:
    result = await task.wait_result(timeout=10)
    return result.raise_for_error().return_value


class Adder:
    """Its instances are tasks."""

    def __init__(self, amount: int) -> None:
        self.amount = amount

    def __call__(self, value: int) -> int:
        return self.amount + value


class AsyncAdder(Adder):
    async def __call__(self, value: int) -> int:  # type: ignore[override]
        return self.amount + value


@pytest.mark.parametrize("cls", [Adder, AsyncAdder])
async def test_instances_of_classes_are_tasks(cls: type[Adder]) -> None:
    broker = InMemoryBroker()
    one = broker.register_task(cls(1), "one")
    ten = broker.register_task(cls(10), "ten")

    assert await value_of(await one.kiq(5)) == 6
    assert await value_of(await ten.kiq(5)) == 15


async def test_methods_are_tasks() -> None:
    broker = InMemoryBroker()
    task = broker.register_task(Adder(3).__call__, "bound")

    assert await value_of(await task.kiq(4)) == 7


async def test_tasks_made_while_the_broker_runs() -> None:
    async with InMemoryBroker() as broker:
        for number in range(3):
            broker.register_task(lambda value, number=number: value * number, f"times-{number}")

        tasks = [broker.find_task(f"times-{number}") for number in range(3)]

        assert [await value_of(await task.kiq(7)) for task in tasks if task] == [0, 7, 14]


async def test_several_brokers_keep_their_tasks_apart() -> None:
    first, second = InMemoryBroker(), InMemoryBroker()
    first.state.name, second.state.name = "first", "second"

    async def who(state: TaskiqState = TaskiqDepends()) -> str:
        return str(state.name)

    ours, theirs = first.task("who")(who), second.task("who")(who)
    first.task("only")(lambda: None)

    assert await value_of(await ours.kiq()) == "first"
    assert await value_of(await theirs.kiq()) == "second"
    with pytest.raises(UnknownTaskError):
        await second.send(
            (ours.kicker()._prepare_message()).model_copy(update={"task_name": "only"})
        )
    moved = await ours.kicker().with_broker(second).kiq()
    assert await value_of(moved) == "second"


async def test_shared_tasks_run_on_any_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AsyncBroker, "global_task_registry", {})
    shared, broker = AsyncSharedBroker(), InMemoryBroker()

    @shared.task("shared")
    async def of_a_library() -> str:
        return "ran"

    shared.default_broker(broker)

    assert await value_of(await of_a_library.kiq()) == "ran"
    other = InMemoryBroker()
    assert await value_of(await of_a_library.kicker().with_broker(other).kiq()) == "ran"


# -- dependencies ----------------------------------------------------------------------------------


class Box(Generic[_T]):
    def __init__(self, kind: type = TaskiqDepends(lambda: int)) -> None:
        self.kind = kind


async def test_dependencies_of_every_kind() -> None:
    broker = InMemoryBroker()
    broker.add_dependency_context({str: "from the context"})
    log: list[str] = []
    calls = 0

    def counted() -> int:
        nonlocal calls
        calls += 1
        return calls

    def generator(once: int = TaskiqDepends(counted)) -> Generator[str, None, None]:
        log.append("open")
        yield f"generator {once}"
        log.append("close")

    async def async_generator(
        again: int = TaskiqDepends(counted, use_cache=False),
    ) -> AsyncGenerator[str, None]:
        yield f"async {again}"
        log.append("async close")

    @broker.task
    async def task(
        first: str = TaskiqDepends(generator),
        second: str = TaskiqDepends(async_generator),
        once: int = TaskiqDepends(counted),
        box: Box[int] = TaskiqDepends(),
        context: Annotated[Context, TaskiqDepends()] = None,  # type: ignore[assignment]
        given: Annotated[str, TaskiqDepends(str)] = "",
    ) -> list[Any]:
        log.append("run")
        return [first, second, once, box.kind.__name__, context.attempt]

    value = await value_of(await task.kiq())

    assert value[2:] == [1, "int", 1]
    assert {value[0], value[1]} <= {"generator 1", "async 2"}
    await broker.wait_all()
    assert log.index("open") < log.index("run") < log.index("close")
    assert "async close" in log


async def test_overridden_dependency() -> None:
    broker = InMemoryBroker()

    def real() -> str:
        raise AssertionError

    broker.dependency_overrides[real] = lambda: "double"

    @broker.task
    async def task(value: str = TaskiqDepends(real)) -> str:
        return value

    assert await value_of(await task.kiq()) == "double"


async def test_teardown_sees_every_exception_of_the_task() -> None:
    broker = InMemoryBroker()
    seen: list[str] = []

    async def watch() -> AsyncGenerator[None, None]:
        try:
            yield
        except BaseException as error:
            seen.append(type(error).__name__)
            raise
        seen.append("well")

    @broker.task
    async def task(
        how: str, _: None = TaskiqDepends(watch), context: Context = TaskiqDepends()
    ) -> None:
        if how == "fails":
            raise LookupError
        if how == "requeues" and context.attempt == 1:
            await context.requeue()
        if how == "rejects":
            context.reject()

    for how in ("fails", "requeues", "rejects"):
        await task.kiq(how)
        await broker.wait_all()

    assert seen == ["LookupError", "TaskRetryError", "well", "TaskRejectedError"]
