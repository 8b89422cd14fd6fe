"""Running a task with typed arguments."""

from typing import Any, Final
from urllib.parse import urlencode

from taskiq_core.client.kicker import AsyncKicker
from taskiq_core.messages.labels import DELAY, QUEUE_NAME
from taskiq_web.access import Action
from taskiq_web.actions.form import ActionForm, refused
from taskiq_web.actions.outcome import ActionOutcome, ActionRequest, ActionRoute
from taskiq_web.reads.tasks import FormField, form_fields, read_field

ARGUMENT: Final = "argument-"
"""The beginning of the names of fields that are arguments."""


async def run(request: ActionRequest) -> ActionOutcome:
    """Send a task; its parameters are fields of a form, or `args` and `kwargs` are JSON."""
    broker, form = request.state.broker, request.form
    name = form.required("name")
    task = broker.find_task(name)
    args: list[Any] = []
    if task is not None and "args" not in form and "kwargs" not in form:
        kwargs = _arguments(form, form_fields(task, request.access))
    else:
        args, kwargs = form.json("args", list), form.json("kwargs", dict)
    labels = {**({} if task is None else task.labels), **_labels(form)}
    kicker = AsyncKicker[Any, Any](name, broker, labels)
    kicker.task = task
    sent = await kicker.kiq(*args, **kwargs)
    page = f"task?{urlencode({'id': sent.task_id})}"
    return ActionOutcome(name, f"Task {name} was sent as {sent.task_id}.", page)


def _labels(form: ActionForm) -> dict[str, Any]:
    labels: dict[str, Any] = {}
    if queue := form.text("queue"):
        labels[QUEUE_NAME] = queue
    if delay := form.text("delay").strip():
        try:
            labels[DELAY] = float(delay)
        except ValueError as error:
            raise refused("The delay is not a number of seconds.") from error
    return labels


def _arguments(form: ActionForm, fields: list[FormField]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields:
        key = f"{ARGUMENT}{field.name}"
        text = form.text(key)
        is_left_out = key not in form or (text == "" and field.kind != "text")
        if is_left_out or (text == "" and not field.is_required):
            if field.is_required:
                raise refused(f"The argument {field.name} is missing.")
            continue
        try:
            found[field.name] = read_field(field, text)
        except (ValueError, RecursionError) as error:
            raise refused(f"The argument {field.name} is not {field.kind}: {error}.") from error
    return found


ROUTES: Final = (ActionRoute("tasks/run", Action.RUN, run),)
