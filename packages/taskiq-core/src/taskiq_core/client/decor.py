"""A function as a task: still callable, and now sendable."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from types import CoroutineType
from typing import Any, Generic, ParamSpec, TypeVar, overload

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.client.created_schedule import CreatedSchedule
from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.client.task import AsyncTaskiqTask
from taskiq_core.messages.cron_spec import CronSpec

_T = TypeVar("_T")
_FuncParams = ParamSpec("_FuncParams")
_ReturnType = TypeVar("_ReturnType")


class AsyncTaskiqDecoratedTask(Generic[_FuncParams, _ReturnType]):
    """What `@broker.task` makes of a function.

    Calling it calls the function in this process; `kiq` sends it to a worker.

    Attributes:
        broker: the broker it was declared on.
        task_name: the name that it has on every worker.
        original_func: the function itself.
        labels: sent with every call.
        return_type: the annotation of its return value; None if it has none.
    """

    def __init__(
        self,
        broker: AbstractBroker,
        task_name: str,
        original_func: Callable[_FuncParams, _ReturnType],
        labels: dict[str, Any],
        return_type: type[_ReturnType] | None = None,
    ) -> None:
        self.broker = broker
        self.task_name = task_name
        self.original_func = original_func
        self.labels = labels
        self.return_type = return_type

    def __call__(self, *args: _FuncParams.args, **kwargs: _FuncParams.kwargs) -> _ReturnType:
        """Call the function here and now."""
        return self.original_func(*args, **kwargs)

    # To some type checkers an async function returns a CoroutineType, to others a Coroutine.
    @overload
    async def kiq(
        self: AsyncTaskiqDecoratedTask[_FuncParams, CoroutineType[Any, Any, _T]],
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> AsyncTaskiqTask[_T]: ...

    @overload
    async def kiq(
        self: AsyncTaskiqDecoratedTask[_FuncParams, Coroutine[Any, Any, _T]],
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> AsyncTaskiqTask[_T]: ...

    @overload
    async def kiq(
        self: AsyncTaskiqDecoratedTask[_FuncParams, _ReturnType],
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> AsyncTaskiqTask[_ReturnType]: ...

    async def kiq(self, *args: _FuncParams.args, **kwargs: _FuncParams.kwargs) -> Any:
        """Send a call of the function to a worker; see `AsyncKicker.kiq` for what it raises."""
        return await self.kicker().kiq(*args, **kwargs)

    async def schedule_by_cron(
        self,
        source: ScheduleSource,
        cron: str | CronSpec,
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> CreatedSchedule[_ReturnType]:
        """Have it sent whenever the cron line says; see `AsyncKicker.schedule_by_cron`."""
        return await self.kicker().schedule_by_cron(source, cron, *args, **kwargs)

    async def schedule_by_interval(
        self,
        source: ScheduleSource,
        interval: int | timedelta,
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> CreatedSchedule[_ReturnType]:
        """Have it sent every so many seconds."""
        return await self.kicker().schedule_by_interval(source, interval, *args, **kwargs)

    async def schedule_by_time(
        self,
        source: ScheduleSource,
        time: datetime,
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> CreatedSchedule[_ReturnType]:
        """Have it sent once, at that time."""
        return await self.kicker().schedule_by_time(source, time, *args, **kwargs)

    def kicker(self) -> AsyncKicker[_FuncParams, _ReturnType]:
        """A call to be, for labels, an id or a broker of its own."""
        kicker: AsyncKicker[_FuncParams, _ReturnType] = AsyncKicker(
            self.task_name,
            self.broker,
            self.labels,
            self.return_type,
        )
        kicker.task = self
        return kicker

    def __repr__(self) -> str:
        return f"AsyncTaskiqDecoratedTask({self.task_name})"
