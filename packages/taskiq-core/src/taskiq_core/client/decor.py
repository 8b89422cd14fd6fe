"""A function as a task: still callable, and now sendable."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, ParamSpec, TypeVar

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.client.arguments import ArgumentAdapters
from taskiq_core.client.call_signature import CallSignature
from taskiq_core.client.created_schedule import CreatedSchedule
from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.client.task import AsyncTaskiqTask
from taskiq_core.client.typed_kiq import Sendable, typed_kiq
from taskiq_core.messages.cron_spec import CronSpec

_FuncParams = ParamSpec("_FuncParams")
_ReturnType_co = TypeVar("_ReturnType_co", covariant=True)


class AsyncTaskiqDecoratedTask(Sendable[_FuncParams, _ReturnType_co]):
    """What `@broker.task` makes of a function.

    Calling it calls the function in this process; `kiq` sends it to a worker.

    Attributes:
        broker: the broker it was declared on.
        task_name: the name that it has on every worker.
        original_func: the function itself.
        labels: sent with every call.
        return_type: the annotation of its return value; None if it has none.
        strict: whether workers refuse an argument that does not fit its annotation.
        validate_on_send: whether `kiq` refuses it already.
    """

    strict = False
    validate_on_send = False

    def __init__(
        self,
        broker: AbstractBroker,
        task_name: str,
        original_func: Callable[_FuncParams, _ReturnType_co],
        labels: dict[str, Any],
        return_type: type[_ReturnType_co] | None = None,
    ) -> None:
        self.broker = broker
        self.task_name = task_name
        self.original_func = original_func
        self.labels = labels
        self.return_type = return_type

    def check_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Refuse a call that the function would refuse.

        Args:
            args: by position.
            kwargs: by name; dependencies may be left out.

        Raises:
            TaskCallError: the function has other parameters.
            TaskArgumentValueError: with `validate_on_send`, a value does not fit its annotation.
        """
        if self._calls is not None:
            self._calls.check(self.task_name, args, kwargs)
        if self.validate_on_send and self._adapters is not None:
            self._adapters.restore(list(args), {**kwargs}, task_name=self.task_name, strict=True)

    @cached_property
    def _calls(self) -> CallSignature | None:
        return CallSignature.of(self.original_func)

    @cached_property
    def _adapters(self) -> ArgumentAdapters | None:
        return ArgumentAdapters.of(self.original_func, without=())

    def __call__(self, *args: _FuncParams.args, **kwargs: _FuncParams.kwargs) -> _ReturnType_co:
        """Call the function here and now."""
        return self.original_func(*args, **kwargs)

    @typed_kiq
    async def kiq(
        self, /, *args: _FuncParams.args, **kwargs: _FuncParams.kwargs
    ) -> AsyncTaskiqTask[_ReturnType_co]:
        """Send a call of the function to a worker; see `AsyncKicker.kiq` for what it raises."""
        return await self.kicker().kiq(*args, **kwargs)

    async def schedule_by_cron(
        self,
        source: ScheduleSource,
        cron: str | CronSpec,
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> CreatedSchedule[_ReturnType_co]:
        """Have it sent whenever the cron line says; see `AsyncKicker.schedule_by_cron`."""
        return await self.kicker().schedule_by_cron(source, cron, *args, **kwargs)

    async def schedule_by_interval(
        self,
        source: ScheduleSource,
        interval: int | timedelta,
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> CreatedSchedule[_ReturnType_co]:
        """Have it sent every so many seconds."""
        return await self.kicker().schedule_by_interval(source, interval, *args, **kwargs)

    async def schedule_by_time(
        self,
        source: ScheduleSource,
        time: datetime,
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> CreatedSchedule[_ReturnType_co]:
        """Have it sent once, at that time."""
        return await self.kicker().schedule_by_time(source, time, *args, **kwargs)

    def kicker(self) -> AsyncKicker[_FuncParams, _ReturnType_co]:
        """A call to be, for labels, an id or a broker of its own."""
        kicker: AsyncKicker[_FuncParams, _ReturnType_co] = AsyncKicker(
            self.task_name,
            self.broker,
            self.labels,
            self.return_type,
        )
        kicker.task = self
        return kicker

    def __repr__(self) -> str:
        return f"AsyncTaskiqDecoratedTask({self.task_name})"
