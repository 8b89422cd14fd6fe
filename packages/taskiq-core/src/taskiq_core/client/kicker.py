"""Sending one call of a task, step by step."""

from __future__ import annotations

from dataclasses import is_dataclass
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.abc.task import RegisteredTask
from taskiq_core.client.created_schedule import CreatedSchedule
from taskiq_core.client.send import send_by_parts
from taskiq_core.client.task import AsyncTaskiqTask
from taskiq_core.client.typed_kiq import Sendable, typed_kiq
from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.cron_spec import CronSpec
from taskiq_core.messages.labels import (
    prepare_label,
    prepare_labels,
    wrong_label,
)
from taskiq_core.messages.message import TaskiqMessage, make_message, wrong_task_id
from taskiq_core.messages.scheduled_task import ScheduledTask, check_new_schedule
from taskiq_core.serializers.plain import to_plain

_FuncParams = ParamSpec("_FuncParams")
_ReturnType_co = TypeVar("_ReturnType_co", covariant=True)

_UNSENT_LABELS = frozenset({"types_of_exceptions"})
"""Labels of the older interface that mean something in the sending process only."""


class AsyncKicker(Sendable[_FuncParams, _ReturnType_co]):
    """A call that has not been sent yet, with labels, an id or a broker of its own.

    Attributes:
        task_name: which task.
        broker: what it is sent with.
        labels: those of the task and those added here.
        custom_task_id: the id to send it under; None for a new one.
        custom_schedule_id: the id of the schedule made from it; None for a new one.
        return_type: what the result's value is turned into.
        task: the task itself, if it is known here, so that another broker can learn it.
    """

    def __init__(
        self,
        task_name: str,
        broker: AbstractBroker,
        labels: dict[str, Any],
        return_type: type[_ReturnType_co] | None = None,
    ) -> None:
        self.task_name = task_name
        self.broker = broker
        self.labels = labels.copy()
        self.custom_task_id: str | None = None
        self.custom_schedule_id: str | None = None
        self.return_type = return_type
        self.task: RegisteredTask | None = None

    def with_labels(self, **labels: Any) -> AsyncKicker[_FuncParams, _ReturnType_co]:
        """Add labels, or replace those of the same name."""
        self.labels.update(labels)
        return self

    def with_task_id(self, task_id: str | None) -> AsyncKicker[_FuncParams, _ReturnType_co]:
        """Send it under this id; two tasks of one id share one result."""
        self.custom_task_id = task_id
        return self

    def with_schedule_id(self, schedule_id: str) -> AsyncKicker[_FuncParams, _ReturnType_co]:
        """Schedule it under this id."""
        self.custom_schedule_id = schedule_id
        return self

    def with_broker(self, broker: AbstractBroker) -> AsyncKicker[_FuncParams, _ReturnType_co]:
        """Send it with another broker, which learns the task if it does not know it."""
        self.broker = broker
        if self.task is not None and broker.find_task(self.task_name) is None:
            broker.adopt_task(self.task)
        return self

    @typed_kiq
    async def kiq(
        self, /, *args: _FuncParams.args, **kwargs: _FuncParams.kwargs
    ) -> AsyncTaskiqTask[_ReturnType_co]:
        """Send the call, and return when the broker has stored the message.

        Raises:
            TaskCallError: the function of the task takes other arguments.
            TaskArgumentError: an argument can't be serialized, or does not fit its annotation.
            UnsupportedLabelError: the broker can't do what a label asks for.
            SendTaskError: the broker failed, or the task id or a label can't be used; the reason is
                the `__cause__`.
        """
        if self.task is not None:
            self.task.check_call(args, kwargs)
        message = self._prepare_message(*args, **kwargs)
        if hasattr(type(self.broker), "send"):
            await self.broker.send(message)
        else:  # a stand-in that has only what kicking needs
            await send_by_parts(message, self.broker)
        return AsyncTaskiqTask(
            task_id=message.task_id,
            result_backend=self.broker.result_backend,
            return_type=self.return_type,
            broker=self.broker,
        )

    async def schedule_by_cron(
        self,
        source: ScheduleSource,
        cron: str | CronSpec,
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> CreatedSchedule[_ReturnType_co]:
        """Schedule the call by a cron line.

        Args:
            source: keeps the schedule; a scheduler has to serve it.
            cron: five fields, in UTC; a `CronSpec` may say another time zone.
            args: of the call; models and dataclasses are stored as plain dicts.
            kwargs: of the call.

        Raises:
            ScheduleRefusedError: it would never fire.
        """
        when: dict[str, Any] = {"cron": cron}
        if isinstance(cron, CronSpec):
            when = {"cron": cron.to_cron(), "cron_offset": cron.offset}
        return await self._schedule(source, when, args, kwargs)

    async def schedule_by_interval(
        self,
        source: ScheduleSource,
        interval: int | timedelta,
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> CreatedSchedule[_ReturnType_co]:
        """Schedule the call every `interval` (an int is seconds); see `schedule_by_cron`."""
        return await self._schedule(source, {"interval": interval}, args, kwargs)

    async def schedule_by_time(
        self,
        source: ScheduleSource,
        time: datetime,
        *args: _FuncParams.args,
        **kwargs: _FuncParams.kwargs,
    ) -> CreatedSchedule[_ReturnType_co]:
        """Schedule the call once, at a time; see `schedule_by_cron`."""
        return await self._schedule(source, {"time": time}, args, kwargs)

    async def _schedule(
        self,
        source: ScheduleSource,
        when: dict[str, Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> CreatedSchedule[_ReturnType_co]:
        if self.task is not None:
            self.task.check_call(args, kwargs)
        sent = {name: value for name, value in self.labels.items() if name not in _UNSENT_LABELS}
        if wrong := wrong_label(sent) or wrong_task_id(self.custom_task_id or ""):
            raise SendTaskError(task_name=self.task_name, reason=wrong) from ValueError(wrong)
        task = ScheduledTask(
            task_name=self.task_name,
            labels={name: _storable_label(value) for name, value in sent.items()},
            args=[_storable_argument(each) for each in args],
            kwargs={name: _storable_argument(value) for name, value in kwargs.items()},
            task_id=self.custom_task_id,
            schedule_id=self.custom_schedule_id or self.broker.id_generator(),
            **when,
        )
        check_new_schedule(task)
        await source.add_schedule(task)
        return CreatedSchedule(self, source, task)

    def _prepare_message(self, *args: Any, **kwargs: Any) -> TaskiqMessage:
        labels: dict[str, str] = {}
        labels_types: dict[str, int] = {}
        if self.labels:
            labels, labels_types = prepare_labels(self.labels, without=_UNSENT_LABELS)
        return make_message(
            {
                "task_id": self.custom_task_id or self.broker.id_generator(),
                "task_name": self.task_name,
                "labels": labels,
                "labels_types": labels_types,
                "args": args,
                "kwargs": kwargs,
            }
        )


def _storable_argument(value: Any) -> Any:
    """Turn a model or a dataclass into a dict, as a message has it; other values stay."""
    is_data = isinstance(value, BaseModel) or (is_dataclass(value) and not isinstance(value, type))
    return to_plain(value) if is_data else value


def _storable_label(value: Any) -> Any:
    """Keep a value that JSON can store, and turn any other one into the text of a message."""
    return value if _is_json(value) else prepare_label(value)[0]


def _is_json(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_json(each) for name, each in value.items())
    return value is None or isinstance(value, str | int | float)
