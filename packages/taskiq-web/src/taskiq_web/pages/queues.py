"""Queues, and the messages in them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from taskiq_core.capabilities import Capability
from taskiq_core.messages.message_info import MessageFilter, MessageState
from taskiq_core.messages.task_rates import task_rates
from taskiq_web.errors import RequestRefusedError
from taskiq_web.pages.page import Page
from taskiq_web.reads.broker_queues import has, known_queue, queue_names
from taskiq_web.reads.messages import list_messages
from taskiq_web.reads.snapshot import MINUTES
from taskiq_web.render.values import MASK
from taskiq_web.state import PageRequest


async def read_queues(request: PageRequest) -> Mapping[str, Any]:
    """Return the counts of each queue, and how many workers listen to it."""
    snapshot = await request.state.snapshot()
    queues = snapshot.queues or {}
    default = next(iter(queues), "")
    listeners = None
    if snapshot.workers is not None:
        served = [each.queues or (default,) for each in snapshot.workers]
        listeners = {name: sum(name in names for names in served) for name in queues}
    rates = task_rates(snapshot.counters or (), minutes=MINUTES)
    ended = sum(each.succeeded + each.failed + each.dead for each in rates) / MINUTES
    waiting = sum(stats.waiting or 0 for stats in queues.values())
    return {
        "queues": snapshot.queues,
        "listeners": listeners,
        "missing": snapshot.missing,
        "ended_per_minute": ended if snapshot.counters is not None else None,
        # Of all queues together: rates are counted by task.
        "seconds_to_drain": waiting / ended * 60 if ended else None,
        "has_queues": has(request.broker, Capability.QUEUES),
    }


async def read_messages(request: PageRequest) -> Mapping[str, Any]:
    """Return a page of messages of one state."""
    broker = request.broker
    if not has(broker, Capability.INSPECT):
        reason = f"{type(broker).__name__} can't list its messages."
        raise RequestRefusedError(status=501, reason=reason)
    state = _state(request.text("state") or "waiting")
    queue = await known_queue(broker, request.text("queue"))
    where = MessageFilter(
        task_name=request.text("task") or None,
        task_id=request.text("id") or None,
        unique_key=request.text("key") or None,
    )
    page = await list_messages(
        broker,
        state,
        queue,
        where=where,
        after=request.text("after") or None,
        limit=request.state.options.page_size,
    )
    messages = page.messages
    if request.access.masks_content:
        messages = [_with_mask(each) for each in messages]
    return {
        "state": state.value,
        "states": [each.value for each in MessageState],
        "queue": queue,
        "queues": await queue_names(broker),
        "task": request.text("task"),
        "id": request.text("id"),
        "key": request.text("key"),
        "messages": messages,
        "after": page.after,
    }


def _with_mask(message: Any) -> Any:
    return replace(message, error=MASK if message.error else message.error)


def _state(text: str) -> MessageState:
    try:
        return MessageState(text)
    except ValueError as error:
        reason = "Messages are waiting, delivered, delayed or dead."
        raise RequestRefusedError(status=400, reason=reason) from error


PAGES: Final = (
    Page("queues", "Queues", "queues.html", read_queues, menu="Queues"),
    Page("messages", "Messages", "messages.html", read_messages, menu="Messages"),
)
