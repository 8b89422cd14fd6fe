"""Pages of the messages of a client, found by key."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from taskiq_core.messages.message_info import (
    MessageFilter,
    MessageInfo,
    MessagePage,
    MessageState,
)
from taskiq_zmq.client.queue import MessageQueue
from taskiq_zmq.client.queued_message import QueuedMessage


def page_of(
    messages: MessageQueue,
    queue: str,
    state: MessageState,
    *,
    where: MessageFilter,
    after: str | None,
    limit: int,
    with_body: bool,
    now: float,
) -> MessagePage:
    """Return a page of messages; see `QueueAdmin.messages`.

    Args:
        messages: those of this client.
        queue: the name of the queue of interest.
        state: where the messages are.
        where: which of them.
        after: the key after which the page begins.
        limit: messages of the page at most.
        with_body: whether their bytes are wanted.
        now: the present time on the clock of the delays.

    Raises:
        ValueError: `after` is not the key of a page.
    """
    found = _LISTINGS[state](messages, queue, None if after is None else _place(after), now)
    infos = (_info(each, queue, state, with_body) for each in found)
    wanted = list(islice(filter(where.accepts, infos), limit + 1))
    is_last = len(wanted) <= limit
    return MessagePage(wanted[:limit], None if is_last else wanted[limit - 1].key)


_Place = tuple[float, int]
_Found = tuple[_Place, Any, dict[str, Any]]
"""Where a message is in the order of its page, the message, and what its state tells of it."""


def _waiting(
    messages: MessageQueue, queue: str, after: _Place | None, now: float
) -> Iterator[_Found]:
    del now
    start = None if after is None else after[1]
    for message in messages.waiting_of(queue).after(queue, start):
        yield (0.0, message.place), message, _facts(message)


def _delivered(
    messages: MessageQueue, queue: str, after: _Place | None, now: float
) -> Iterator[_Found]:
    del now
    for tag, consumer, message in sorted(messages.held_of(queue), key=lambda held: held[0]):
        place = (0.0, tag)
        if after is None or place > after:
            owner = consumer.worker_id or consumer.name
            yield place, message, {**_facts(message), "owner": owner}


def _delayed(
    messages: MessageQueue, queue: str, after: _Place | None, now: float
) -> Iterator[_Found]:
    for due, number, message in messages.delayed_of(queue):
        place = (due, number)
        if after is None or place > after:
            due_at = datetime.now(UTC) + timedelta(seconds=max(due - now, 0.0))
            yield place, message, {**_facts(message), "due_at": due_at}


def _dead(messages: MessageQueue, queue: str, after: _Place | None, now: float) -> Iterator[_Found]:
    del now
    for letter in messages.dead_letters(queue):
        place = (0.0, int(letter.letter_id))
        if after is None or place > after:
            facts = {"attempt": letter.attempt, "reason": letter.reason, "error": letter.error}
            yield place, letter, {**facts, "body": letter.message}


_LISTINGS: dict[
    MessageState, Callable[[MessageQueue, str, _Place | None, float], Iterable[_Found]]
] = {
    MessageState.WAITING: _waiting,
    MessageState.DELIVERED: _delivered,
    MessageState.DELAYED: _delayed,
    MessageState.DEAD: _dead,
}


def _facts(message: QueuedMessage) -> dict[str, Any]:
    return {
        "attempt": message.attempt,
        "sent_at": datetime.fromtimestamp(message.sent_at, UTC),
        "body": message.body,
    }


def _info(found: _Found, queue: str, state: MessageState, with_body: bool) -> MessageInfo:
    place, message, facts = found
    body: bytes = facts.pop("body")
    return MessageInfo(
        key=f"{place[0]!r},{place[1]}",
        task_id=message.task_id,
        task_name=message.task_name,
        queue=queue,
        state=state,
        size=len(body),
        body=body if with_body else None,
        **facts,
    )


def _place(key: str) -> _Place:
    seconds, _, number = key.partition(",")
    try:
        return float(seconds), int(number)
    except ValueError:
        raise ValueError(f"{key!r} is not the key of a page") from None
