"""Tasks by name, and the form that runs one."""

from collections.abc import Mapping
from typing import Any, Final

from taskiq_core.capabilities import Capability
from taskiq_web.actions.tasks import ARGUMENT
from taskiq_web.errors import RequestRefusedError
from taskiq_web.pages.page import Page
from taskiq_web.reads.broker_queues import has, queue_names
from taskiq_web.reads.tasks import form_fields, signature_text, task_rows
from taskiq_web.state import PageRequest


async def read_tasks(request: PageRequest) -> Mapping[str, Any]:
    """Return all tasks that are known."""
    snapshot = await request.state.snapshot()
    return {
        "tasks": task_rows(request.broker, snapshot, request.access),
        "missing": snapshot.missing,
    }


async def read_form(request: PageRequest) -> Mapping[str, Any]:
    """Return the fields of the form that runs a task."""
    broker, name = request.broker, request.text("name")
    if not name:
        raise RequestRefusedError(status=400, reason="Which task? Give its name.")
    task = broker.find_task(name)
    return {
        "name": name,
        "is_known": task is not None,
        "signature": "" if task is None else signature_text(task),
        "fields": [] if task is None else form_fields(task, request.access),
        "prefix": ARGUMENT,
        "queues": await queue_names(broker) if has(broker, Capability.QUEUES) else [],
        "can_delay": has(broker, Capability.DELAY),
    }


PAGES: Final = (
    Page("tasks", "Tasks", "tasks.html", read_tasks, menu="Tasks"),
    Page("tasks/run", "Run a task", "run.html", read_form, section="tasks", is_live=False),
)
