"""LabelScheduleSource: the schedules in the label `schedule` of tasks."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.broker import AsyncBroker
from taskiq_core.client.decor import AsyncTaskiqDecoratedTask
from taskiq_core.loggers import get_logger
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_scheduler.errors import BadScheduleError, ScheduleLabelError

logger = get_logger(__name__)

SCHEDULE: Final = "schedule"
"""list[dict]: when the task is sent; the keys are those of `ScheduledTask`."""


class LabelScheduleSource(ScheduleSource):
    """Reads the label `schedule` of the tasks that a broker has.

    As in `@broker.task(schedule=[{"cron": "0 3 * * *", "cron_offset": "Europe/Berlin"}])`.

    Args:
        broker: has the tasks; schedulers claim ticks in its store, if it can keep claims.

    Attributes:
        schedules: by their ids; a schedule that fires once leaves when it was sent.
        problems: what is wrong with schedules that are left out.
    """

    def __init__(self, broker: AsyncBroker) -> None:
        self.broker = broker
        self.schedules: dict[str, ScheduledTask] = {}
        self.problems: list[BadScheduleError] = []

    async def startup(self) -> None:
        """Read the labels of all tasks. One that can't be followed is logged and left out."""
        self.schedules.clear()
        self.problems.clear()
        for task in self._tasks():
            label = task.labels.get(SCHEDULE, ())
            if not isinstance(label, list | tuple):
                reason = f"its label {SCHEDULE!r}: {_wrong(label, 'a list of dicts')}"
                self._leave_out(task.task_name, task.task_name, reason)
                continue
            for number, entry in enumerate(label):
                self._read(task, number, entry)

    def check_labels(self) -> None:
        """Refuse labels that are not a list of dicts, as a slip of the program.

        Raises:
            ScheduleLabelError: a label is something else.
        """
        for task in self._tasks():
            label = task.labels.get(SCHEDULE, ())
            is_list = isinstance(label, list | tuple)
            if not is_list or not all(isinstance(entry, Mapping) for entry in label):
                reason = _wrong(label, "a list of dicts")
                raise ScheduleLabelError(task_name=task.task_name, reason=reason)

    async def get_schedules(self) -> list[ScheduledTask]:
        """Return the schedules of all tasks."""
        return list(self.schedules.values())

    def post_send(self, task: ScheduledTask) -> None:
        """Forget a schedule that fires once."""
        if not task.is_repeated:
            self.schedules.pop(task.schedule_id, None)

    def _tasks(self) -> Iterable[AsyncTaskiqDecoratedTask[Any, Any]]:
        # Tasks of the shared broker are sent by the one broker that they were given to.
        tasks = self.broker.get_all_tasks().values()
        return [task for task in tasks if task.broker is self.broker]

    def _read(self, task: AsyncTaskiqDecoratedTask[Any, Any], number: int, entry: Any) -> None:
        # Stable across processes and restarts, as ids of ticks are made of it.
        schedule_id = f"{task.task_name}#{number}"
        if not isinstance(entry, Mapping):
            self._leave_out(schedule_id, task.task_name, _wrong(entry, "a dict"))
            return
        try:
            values: dict[str, Any]
            values = {"args": [], "kwargs": {}, "schedule_id": schedule_id, **dict(entry)}
            labels = {name: value for name, value in task.labels.items() if name != SCHEDULE}
            values["labels"] = {**labels, **values.get("labels", {})}
            schedule = ScheduledTask(task_name=task.task_name, **values)
        except (ValidationError, TypeError, ValueError) as error:
            self._leave_out(schedule_id, task.task_name, _reason_of(error))
            return
        taken = self.schedules.setdefault(schedule.schedule_id, schedule)
        if taken is not schedule:
            reason = f"a schedule of task {taken.task_name!r} has this id, give it another one"
            self._leave_out(schedule.schedule_id, task.task_name, reason)

    def _leave_out(self, schedule_id: str, task_name: str, reason: str) -> None:
        problem = BadScheduleError(
            schedule_id=schedule_id, task_name=task_name, source=type(self).__name__, reason=reason
        )
        self.problems.append(problem)
        logger.error("%s", problem)


def _wrong(value: object, wanted: str) -> str:
    return (
        f"it is {value!r} and has to be {wanted}, as in "
        '@broker.task(schedule=[{"cron": "0 3 * * *"}])'
    )


def _reason_of(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(problem["msg"] for problem in error.errors())
    return str(error).partition("\n")[0]
