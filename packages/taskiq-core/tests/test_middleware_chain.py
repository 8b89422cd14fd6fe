"""Middlewares: the right order for each hook, plain or async; only overridden hooks."""

import asyncio
from typing import Any

import pytest

from taskiq_core import TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq_core.middleware_chain import MiddlewareChain, notify, transform

FORWARD = ("pre_send", "pre_execute")
BACKWARD = ("post_send", "on_error", "post_execute", "post_save")


def message() -> TaskiqMessage:
    return TaskiqMessage(task_id="1", task_name="t", labels={}, args=[], kwargs={})


class Noting(TaskiqMiddleware):
    """Writes down every call, with plain functions."""

    def __init__(self, name: str, calls: list[str]) -> None:
        super().__init__()
        self.name = name
        self.calls = calls

    def note(self, hook: str) -> None:
        self.calls.append(f"{self.name} {hook}")

    def startup(self) -> None:
        self.note("startup")

    def shutdown(self) -> None:
        self.note("shutdown")

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        self.note("pre_send")
        return message.model_copy(update={"args": [*message.args, self.name]})

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        self.note("pre_execute")
        return message.model_copy(update={"args": [*message.args, self.name]})

    def post_send(self, message: TaskiqMessage) -> None:
        self.note("post_send")

    def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        self.note("on_error")

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        self.note("post_execute")

    def post_save(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        self.note("post_save")


class AsyncNoting(Noting):
    """Records calls of hooks that are coroutine functions."""

    async def startup(self) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().startup()

    async def shutdown(self) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().shutdown()

    async def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().pre_send(message)

    async def post_send(self, message: TaskiqMessage) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().post_send(message)


@pytest.mark.parametrize("hook", FORWARD)
async def test_hooks_before_something_run_in_order_each_with_what_the_last_returned(
    hook: str,
) -> None:
    calls: list[str] = []
    chain = MiddlewareChain([Noting("a", calls), AsyncNoting("b", calls), Noting("c", calls)])

    changed = await transform(getattr(chain, hook), message())

    assert calls == [f"a {hook}", f"b {hook}", f"c {hook}"]
    assert changed.args == ["a", "b", "c"]


@pytest.mark.parametrize("hook", BACKWARD)
async def test_hooks_after_something_run_in_reversed_order(hook: str) -> None:
    calls: list[str] = []
    chain = MiddlewareChain([Noting("a", calls), AsyncNoting("b", calls), Noting("c", calls)])
    result = TaskiqResult[Any](is_err=True, return_value=None, execution_time=0.0)
    arguments = {"post_send": [message()], "on_error": [message(), result, ValueError()]}

    await notify(getattr(chain, hook), *arguments.get(hook, [message(), result]))

    assert calls == [f"c {hook}", f"b {hook}", f"a {hook}"]


async def test_start_and_stop_in_order() -> None:
    calls: list[str] = []
    chain = MiddlewareChain([Noting("a", calls), AsyncNoting("b", calls)])

    await chain.startup()
    await chain.shutdown()

    assert calls == ["a startup", "b startup", "a shutdown", "b shutdown"]


@pytest.mark.parametrize("hook", FORWARD + BACKWARD)
def test_hook_that_nobody_wrote_is_not_called(hook: str) -> None:
    class OneHook(TaskiqMiddleware): ...

    setattr(OneHook, hook, getattr(Noting, hook))
    chain = MiddlewareChain([TaskiqMiddleware(), OneHook(), TaskiqMiddleware()])

    assert {name: len(getattr(chain, name)) for name in FORWARD + BACKWARD} == {
        name: int(name == hook) for name in FORWARD + BACKWARD
    }


async def test_hook_may_be_inherited_static_or_set_on_the_instance() -> None:
    seen: list[str] = []

    class Static(TaskiqMiddleware):
        @staticmethod
        def post_send(message: TaskiqMessage) -> None:  # type: ignore[override]
            seen.append("static")

    class Inheriting(Static): ...

    single = TaskiqMiddleware()
    single.post_send = lambda message: seen.append("instance")  # type: ignore[method-assign]

    await notify(MiddlewareChain([Static(), Inheriting(), single]).post_send, message())

    assert seen == ["instance", "static", "static"]


async def test_hook_that_fails_ends_it() -> None:
    calls: list[str] = []

    class Failing(TaskiqMiddleware):
        def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
            raise PermissionError("not you")

    chain = MiddlewareChain([Noting("a", calls), Failing(), Noting("c", calls)])

    with pytest.raises(PermissionError, match="not you"):
        await transform(chain.pre_send, message())

    assert calls == ["a pre_send"]


async def test_empty_chain_changes_nothing() -> None:
    chain, sent = MiddlewareChain([]), message()

    assert not chain.pre_send
    assert await transform(chain.pre_send, sent) is sent
    await chain.startup()
    await chain.shutdown()


async def test_broker_notices_a_middleware_that_was_added_to_its_list(broker: Any) -> None:
    calls: list[str] = []
    broker.add_middlewares(Noting("a", calls))
    first = broker.middleware_chain

    assert broker.middleware_chain is first
    broker.middlewares.append(Noting("b", calls))
    assert len(broker.middleware_chain.pre_send) == 2
    broker.middlewares = [Noting("c", calls)]
    assert len(broker.middleware_chain.pre_send) == 1


def test_chain_of_a_list_is_no_longer_its_chain_when_an_entry_changes() -> None:
    middlewares: list[TaskiqMiddleware] = [TaskiqMiddleware(), TaskiqMiddleware()]
    chain = MiddlewareChain(middlewares)
    copied = list(middlewares)

    assert chain.is_of(middlewares)
    assert chain.is_of(copied)
    copied[0] = TaskiqMiddleware()
    assert not chain.is_of(copied)
    assert not chain.is_of(middlewares[::-1])
    assert not chain.is_of([])


def test_middlewares_that_are_equal_are_not_the_same() -> None:
    class Equal(TaskiqMiddleware):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = TaskiqMiddleware.__hash__

    middlewares: list[TaskiqMiddleware] = [Equal()]

    assert MiddlewareChain(middlewares).is_of(middlewares)
    assert not MiddlewareChain(middlewares).is_of([Equal()])


@pytest.mark.parametrize("target", ["object", "class"])
async def test_hook_that_is_replaced_after_its_first_use_is_called(
    monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    class Counting(TaskiqMiddleware):
        def post_send(self, message: TaskiqMessage) -> None:
            calls.append("original")

    calls: list[str] = []
    middleware = Counting()
    chain = MiddlewareChain([middleware])
    await notify(chain.post_send, message())

    replaced = middleware if target == "object" else Counting
    monkeypatch.setattr(replaced, "post_send", lambda *_: calls.append("replaced"))
    await notify(chain.post_send, message())

    assert calls == ["original", "replaced"]
