"""Calls that the function would refuse are refused where they are made."""

import functools
from collections.abc import Callable
from typing import Annotated, Any

import pytest

from taskiq_core import (
    INJECTED,
    AsyncKicker,
    Context,
    Receiver,
    ScheduledTask,
    ScheduleSource,
    TaskiqDepends,
)
from taskiq_core.exceptions import SendTaskError, TaskArgumentError, TaskCallError


def add(left: int, right: int) -> int:
    return left + right


def with_default(left: int, right: int = 0, *, sign: int = 1) -> int:
    return sign * (left + right)


def by_name(*, left: int) -> int:
    return left


def many(*words: str, sep: str) -> str:
    return sep.join(words)


def anything(*args: Any, **kwargs: Any) -> None: ...


def names(first: int, /, **others: int) -> None: ...


def with_context(name: str, context: Context = TaskiqDepends()) -> str:
    return name


def with_annotated_context(context: Annotated[Context, TaskiqDepends()], name: str) -> str:
    return name


def with_injected(name: str, context: Annotated[Context, TaskiqDepends()] = INJECTED) -> str:
    return name


def adds_an_argument(func: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return func("session", *args, **kwargs)

    return wrapper


def needs_session(session: str, number: int) -> int:
    return number


@pytest.mark.parametrize(
    ("func", "args", "kwargs"),
    [
        (add, (1, 2), {}),
        (add, (1,), {"right": 2}),
        (add, (), {"left": 1, "right": 2}),
        (with_default, (1,), {}),
        (with_default, (1, 2), {"sign": -1}),
        (by_name, (), {"left": 1}),
        (many, ("a", "b", "c"), {"sep": ","}),
        (anything, (1, 2, 3), {"x": 1}),
        (names, (1,), {"first": 2, "second": 3}),
        (with_context, ("a",), {}),
        (with_context, (), {"name": "a", "context": None}),
        (with_annotated_context, (), {"name": "a"}),
        (with_injected, ("a",), {}),
        (adds_an_argument(needs_session), (1,), {}),
        (functools.partial(add, 1), (2,), {}),
    ],
)
async def test_call_that_fits_is_sent(
    broker: Any, func: Callable[..., Any], args: Any, kwargs: Any
) -> None:
    await broker.task(task_name="t")(func).kiq(*args, **kwargs)

    assert len(broker.sent) == 1


@pytest.mark.parametrize(
    ("func", "args", "kwargs", "text"),
    [
        (add, (1,), {}, "'right' must be given. It is called with (left, right)."),
        (add, (), {}, "'left', 'right' must be given"),
        (add, (1, 2, 3), {}, "it takes 2 arguments by position, 3 were given"),
        (add, (1, 2), {"right": 3}, "'right' is given twice, by position and by name"),
        (add, (1,), {"rihgt": 3}, "it has no parameter 'rihgt'"),
        (with_default, (1, 2, 3), {}, "It is called with (left, right=0, *, sign=1)."),
        (by_name, (1,), {}, "it takes 0 arguments by position, 1 were given"),
        (many, ("a",), {}, "'sep' must be given"),
        (names, (), {"second": 3}, "'first' must be given"),
        (with_context, (), {}, "'name' must be given. It is called with (name)."),
        (with_annotated_context, ("a",), {}, "'context' is a dependency; pass the arguments"),
    ],
)
async def test_call_that_does_not_fit_is_refused_with_the_parameters(
    broker: Any, func: Callable[..., Any], args: Any, kwargs: Any, text: str
) -> None:
    task = broker.task(task_name="t")(func)

    with pytest.raises(TaskCallError) as caught:
        await task.kiq(*args, **kwargs)

    assert str(caught.value).startswith("Task 't' was not sent: ")
    assert text in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, TaskArgumentError)
    assert isinstance(caught.value, SendTaskError)
    assert isinstance(caught.value.__cause__, TypeError)
    assert broker.sent == []


async def test_schedule_of_a_call_that_does_not_fit_is_refused(broker: Any) -> None:
    class Source(ScheduleSource):
        async def get_schedules(self) -> list[ScheduledTask]:
            return []

    with pytest.raises(TaskCallError, match="'right' must be given"):
        await broker.task(add).schedule_by_cron(Source(), "* * * * *", 1)


async def test_function_whose_parameters_cannot_be_known_is_called_as_it_is(broker: Any) -> None:
    async def mystery(number: "OnlyForATypeChecker") -> None:  # type: ignore[name-defined]  # noqa: F821
        ...

    await broker.task(mystery).kiq()

    assert len(broker.sent) == 1


async def test_kicker_without_its_task_sends_any_arguments(broker: Any) -> None:
    await AsyncKicker("elsewhere", broker, {}).kiq(1, 2, 3)

    assert len(broker.sent) == 1


async def test_dependency_with_a_default_for_type_checkers_is_injected(broker: Any) -> None:
    @broker.task
    def task_id_of(context: Annotated[Context, TaskiqDepends()] = INJECTED) -> str:
        return context.message.task_id

    task = await task_id_of.kiq()
    await Receiver(broker).callback(broker.sent[0].message)

    assert broker.results[task.task_id].return_value == task.task_id
    assert repr(INJECTED) == "INJECTED"
