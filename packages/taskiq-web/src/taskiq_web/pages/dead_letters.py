"""Dead letters: in groups, one by one, and one to be edited."""

from collections.abc import Mapping
from typing import Any, Final

from taskiq_core.capabilities import Capability
from taskiq_web.errors import RequestRefusedError
from taskiq_web.pages.page import Page
from taskiq_web.reads.broker_queues import has, known_queue, queue_names
from taskiq_web.reads.dead_letters import (
    LetterFilter,
    find_letter,
    group_letters,
    letter_content,
    list_letters,
    summary_of,
)
from taskiq_web.render.values import MASK
from taskiq_web.state import PageRequest


async def read_letters(request: PageRequest) -> Mapping[str, Any]:
    """Return the groups of a queue's dead letters, and a page of letters that a filter accepts."""
    broker = request.broker
    _check(request)
    queue = await known_queue(broker, request.text("queue"))
    where = LetterFilter(request.text("task"), request.text("reason"), request.text("error"))
    offset = _offset(request.text("offset"))
    return {
        "queue": queue,
        "queues": await queue_names(broker),
        "where": where,
        "is_filtered": not where.is_open,
        "groups": await group_letters(broker, queue),
        "page": await list_letters(broker, queue, where, request.access, offset=offset),
        "offset": offset,
        "jobs": [
            {
                "number": job.number,
                "text": job.text,
                "viewer": job.viewer,
                "started_at": job.started_at,
                "done": job.done,
                "is_running": job.is_running,
                "end": job.end,
            }
            for job in request.state.jobs.all()
        ],
    }


async def read_letter(request: PageRequest) -> Mapping[str, Any]:
    """Return one dead letter with its content."""
    broker = request.broker
    _check(request)
    queue = await known_queue(broker, request.text("queue"))
    letter = await find_letter(broker, queue, request.text("id"))
    if letter is None:
        reason = "There is no such dead letter any more: it was queued again, or forgotten."
        raise RequestRefusedError(status=404, reason=reason)
    size = request.state.options.max_content
    return {
        "queue": queue,
        "letter": summary_of(letter, request.access),
        "content": letter_content(letter, broker, request.access, max_size=size),
        "mask": MASK,
    }


def _check(request: PageRequest) -> None:
    if not has(request.broker, Capability.DEAD_LETTER):
        reason = f"{type(request.broker).__name__} does not keep dead letters."
        raise RequestRefusedError(status=501, reason=reason)


def _offset(text: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 12:  # noqa: PLR2004  # of a page
        raise RequestRefusedError(status=400, reason="There is no such page.")
    return int(text)


PAGES: Final = (
    Page("dead", "Dead letters", "dead.html", read_letters, menu="Dead letters"),
    Page(
        "dead/letter",
        "Dead letter",
        "letter.html",
        read_letter,
        section="dead",
        is_live=False,
    ),
)
