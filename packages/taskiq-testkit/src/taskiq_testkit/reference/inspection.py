"""Pages of messages, found by key: what the contract's `messages` asks of a store."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from taskiq_core.messages.message_info import MessageFilter, MessageInfo, MessageState
from taskiq_core.messages.queue_stats import DeadLetter
from taskiq_testkit.reference.messages import Message

Place = tuple[float, ...]
"""Where a message is in the order of its page."""


class Inspected(Protocol):
    """The store whose messages are listed.

    Attributes:
        messages: by number.
        dead: dead letters by number, each with the message that it was.
    """

    messages: dict[int, Message]
    dead: dict[int, tuple[DeadLetter, Message]]

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds that only grow."""
        ...

    def is_waiting(self, message: Message) -> bool:
        """Whether a message could be delivered now."""
        ...


def delivery_order(message: Message) -> Place:
    """Return the place of a waiting message: by priority, then as they became due."""
    return (-message.priority, message.due, message.number)


def page(
    store: Inspected,
    state: MessageState,
    queue: str,
    *,
    after: Place | None,
    limit: int,
    where: MessageFilter,
    with_body: bool,
) -> tuple[list[tuple[Place, MessageInfo]], bool]:
    """Return the messages of a state that follow a place, each with its own place.

    Args:
        store: where they are.
        state: which.
        queue: whose.
        after: the place; None for the first page.
        limit: how many at most.
        where: which of them are wanted.
        with_body: whether their bytes are wanted.

    Returns:
        The messages, and whether more of them follow.
    """
    found = [
        (place, info if with_body else replace(info, body=None))
        for place, info in sorted(_messages(store, state, queue), key=lambda each: each[0])
        if (after is None or place > after) and where.accepts(info)
    ]
    return found[:limit], len(found) > limit


def _messages(
    store: Inspected, state: MessageState, queue: str
) -> Iterator[tuple[Place, MessageInfo]]:
    if state is MessageState.DEAD:
        for number, (letter, message) in store.dead.items():
            if message.queue == queue:
                facts = {"reason": letter.reason, "error": letter.error}
                yield (number,), _info(message, state, **facts)
        return
    for message in store.messages.values():
        if message.queue == queue and _state_of(store, message) is state:
            yield _placed(store, message, state)


def _state_of(store: Inspected, message: Message) -> MessageState:
    if message.fence is not None:
        return MessageState.DELIVERED
    return MessageState.WAITING if store.is_waiting(message) else MessageState.DELAYED


def _placed(store: Inspected, message: Message, state: MessageState) -> tuple[Place, MessageInfo]:
    match state:
        case MessageState.WAITING:
            return delivery_order(message), _info(message, state)
        case MessageState.DELAYED:
            due_at = _moment(store, message.due)
            return (message.due, message.number), _info(message, state, due_at=due_at)
        case _:
            lease_until = _moment(store, message.lease_until)
            facts = {"owner": message.owner, "lease_until": lease_until}
            return (message.number,), _info(message, state, **facts)


def _moment(store: Inspected, seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds - store.clock())


def _info(message: Message, state: MessageState, **facts: Any) -> MessageInfo:
    return MessageInfo(
        key="",  # the broker makes it of the place
        task_id=message.task_id,
        task_name=message.task_name,
        queue=message.queue,
        state=state,
        size=len(message.body),
        attempt=message.attempt,
        sent_at=message.sent_at,
        priority=message.priority,
        unique_key=message.unique_key,
        body=message.body,
        **facts,
    )
