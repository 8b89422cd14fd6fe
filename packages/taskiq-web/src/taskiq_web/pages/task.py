"""One task: where it is, what it was called with, and what has become of it."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from taskiq_core.messages.message import wrong_task_id
from taskiq_web.errors import RequestRefusedError
from taskiq_web.pages.page import Page
from taskiq_web.reads.one_task import read_task
from taskiq_web.state import PageRequest


async def read(request: PageRequest) -> Mapping[str, Any]:
    """Return everything that is known of the task with the id of the query."""
    task_id = request.text("id").strip()
    if not task_id or wrong_task_id(task_id):
        raise RequestRefusedError(status=400, reason="Which task? Give its id.")
    options = request.state.options
    snapshot = await request.state.snapshot()
    report = await read_task(
        request.broker,
        task_id,
        snapshot.workers or (),
        request.access,
        max_content=options.max_content,
    )
    traces = {
        each.trace_id: options.trace_url.replace("{trace_id}", quote(each.trace_id, safe=""))
        for each in report.deliveries
        if each.trace_id and options.trace_url
    }
    return {"report": report, "traces": traces}


PAGES: Final = (Page("task", "Task", "task.html", read, section="messages"),)
