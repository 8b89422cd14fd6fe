"""Pages of messages in this process, found by key."""

from collections.abc import Iterable

from taskiq_core.messages.message_info import (
    MessageFilter,
    MessageInfo,
    MessagePage,
    MessageState,
)
from taskiq_inmemory.delivery import MemoryDelivery
from taskiq_inmemory.queue import MemoryQueue

Place = tuple[float, int]
"""Where a message is in the order of its page."""


def page_of(
    queue: MemoryQueue,
    name: str,
    state: MessageState,
    *,
    where: MessageFilter,
    after: str | None,
    limit: int,
    with_body: bool,
) -> MessagePage:
    """Return a page of messages; see `QueueAdmin.messages`.

    Args:
        queue: the messages of this process.
        name: of the queue of interest.
        state: where the messages are.
        where: which of them.
        after: the key after which the page begins.
        limit: messages of the page at most.
        with_body: whether their bytes are wanted.
    """
    first = None if after is None else _place(after)
    found = [
        info
        for place, info in sorted(_messages(queue, name, state, with_body), key=lambda one: one[0])
        if (first is None or place > first) and where.accepts(info)
    ]
    return MessagePage(found[:limit], found[limit - 1].key if len(found) > limit else None)


def _messages(
    queue: MemoryQueue, name: str, state: MessageState, with_body: bool
) -> Iterable[tuple[Place, MessageInfo]]:
    if state is MessageState.DEAD:
        return _dead(queue, name, with_body)
    found = {
        MessageState.WAITING: queue.waiting_in(name),
        MessageState.DELIVERED: queue.pool.running,
        MessageState.DELAYED: list(queue.delayed.values()),
    }[state]
    return [_placed(each, state, with_body) for each in found if each.queue_name == name]


def _placed(
    delivery: MemoryDelivery, state: MessageState, with_body: bool
) -> tuple[Place, MessageInfo]:
    due_at = delivery.due_at if state is MessageState.DELAYED else None
    place = (0.0 if due_at is None else due_at.timestamp(), delivery.number)
    is_delivered = state is MessageState.DELIVERED
    message = delivery.message
    info = MessageInfo(
        key=_key(place),
        task_id=message.task_id,
        task_name=message.task_name,
        queue=delivery.queue_name,
        state=state,
        size=len(message.message),
        attempt=delivery.attempt if is_delivered else delivery.attempt - 1,
        sent_at=delivery.sent_at,
        due_at=due_at,
        body=message.message if with_body else None,
    )
    return place, info


def _dead(queue: MemoryQueue, name: str, with_body: bool) -> Iterable[tuple[Place, MessageInfo]]:
    for queue_name, letter in queue.dead:
        if queue_name == name:
            place = (0.0, int(letter.letter_id))
            info = MessageInfo.of_dead_letter(
                letter, key=_key(place), queue=name, with_body=with_body
            )
            yield place, info


def _key(place: Place) -> str:
    return f"{place[0]!r},{place[1]}"


def _place(key: str) -> Place:
    seconds, _, number = key.partition(",")
    try:
        return float(seconds), int(number)
    except ValueError:
        raise ValueError(f"{key!r} is not the key of a page") from None
