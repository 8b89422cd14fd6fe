"""Actions on schedules: pause, resume, send now, delete, add."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import ValidationError

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.exceptions import ScheduleRefusedError
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_web.access import Action
from taskiq_web.actions.form import refused
from taskiq_web.actions.outcome import ActionOutcome, ActionRequest, ActionRoute
from taskiq_web.errors import RequestRefusedError
from taskiq_web.reads.schedules import can_change, when_text

PAGE: Final = "schedules"


async def pause(request: ActionRequest) -> ActionOutcome:
    """Have a schedule send nothing until it is resumed."""
    return await _enable(request, is_enabled=False)


async def resume(request: ActionRequest) -> ActionOutcome:
    """Have a paused schedule send its task again."""
    return await _enable(request, is_enabled=True)


async def delete(request: ActionRequest) -> ActionOutcome:
    """Forget a schedule."""
    source = _changeable(request)
    schedule = await _find(request, source)
    await source.delete_schedule(schedule.schedule_id)
    text = f"Schedule {schedule.schedule_id} of {schedule.task_name} was deleted."
    return ActionOutcome(schedule.schedule_id, text, PAGE)


async def send(request: ActionRequest) -> ActionOutcome:
    """Send the task of a schedule now, as it is; its ticks stay as they are."""
    schedule = await _find(request, _source(request))
    kicker = AsyncKicker[Any, Any](schedule.task_name, request.state.broker, schedule.labels)
    sent = await kicker.kiq(*schedule.args, **schedule.kwargs)
    text = f"Task {schedule.task_name} was sent as {sent.task_id}."
    return ActionOutcome(schedule.schedule_id, text, f"task?{urlencode({'id': sent.task_id})}")


async def add(request: ActionRequest) -> ActionOutcome:
    """Add a schedule."""
    source, form = _changeable(request), request.form
    when: dict[str, Any] = {}
    if cron := form.text("cron").strip():
        when["cron"] = cron
        when["cron_offset"] = form.text("zone").strip() or None
    if interval := form.text("interval").strip():
        when["interval"] = interval
    if moment := form.text("time").strip():
        when["time"] = _moment(moment)
    try:
        schedule = ScheduledTask(
            task_name=form.required("name"),
            labels={},
            args=form.json("args", list),
            kwargs=form.json("kwargs", dict),
            **when,
        )
        await source.add_schedule(schedule)
    except ValidationError as error:
        reasons = "; ".join(each["msg"] for each in error.errors(include_url=False))
        raise refused(f"There is no such schedule: {reasons}.") from error
    except ScheduleRefusedError as error:
        raise refused(str(error)) from error
    text = f"{schedule.task_name} is sent {when_text(schedule)}."
    return ActionOutcome(schedule.schedule_id, text, PAGE)


async def _enable(request: ActionRequest, *, is_enabled: bool) -> ActionOutcome:
    source = _changeable(request)
    schedule = await _find(request, source)
    await source.add_schedule(schedule.model_copy(update={"enabled": is_enabled}))
    what = "resumed" if is_enabled else "paused"
    text = f"Schedule {schedule.schedule_id} of {schedule.task_name} is {what}."
    return ActionOutcome(schedule.schedule_id, text, PAGE)


def _source(request: ActionRequest) -> ScheduleSource:
    number = request.form.integer("source")
    if number >= len(request.state.sources):
        raise RequestRefusedError(status=404, reason="There is no such source.")
    return request.state.sources[number]


def _changeable(request: ActionRequest) -> ScheduleSource:
    source = _source(request)
    if not can_change(source):
        reason = f"Schedules of {type(source).__name__} can't be changed at run time."
        raise RequestRefusedError(status=409, reason=reason)
    return source


async def _find(request: ActionRequest, source: ScheduleSource) -> ScheduledTask:
    schedule_id = request.form.required("schedule_id")
    for schedule in await source.get_schedules():
        if schedule.schedule_id == schedule_id:
            return schedule
    raise RequestRefusedError(status=404, reason="There is no such schedule any more.")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise refused("The time is not of the form 2030-01-31 12:00.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


ROUTES: Final = (
    ActionRoute("schedules/pause", Action.SCHEDULE, pause),
    ActionRoute("schedules/resume", Action.SCHEDULE, resume),
    ActionRoute("schedules/delete", Action.SCHEDULE, delete),
    ActionRoute("schedules/send", Action.SCHEDULE, send),
    ActionRoute("schedules/add", Action.RUN, add),
)
