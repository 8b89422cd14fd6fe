"""Pages of messages, and searching one of them in all queues."""

from typing import Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.messages.message_info import (
    MessageFilter,
    MessageInfo,
    MessagePage,
    MessageState,
)
from taskiq_web.errors import RequestRefusedError
from taskiq_web.reads.broker_queues import MAX_QUEUES, arguments_of, queue_names

MAX_PAGES: Final = 10
"""Pages that a filter is asked for at most: it may match nothing in a million messages."""


async def list_messages(
    broker: AsyncBroker,
    state: MessageState,
    queue: str,
    *,
    where: MessageFilter,
    after: str | None,
    limit: int,
) -> MessagePage:
    """Return a page of messages; it may be short, or empty, although more messages follow.

    Args:
        broker: is started, and has the capability INSPECT.
        state: where the messages are.
        queue: whose messages.
        where: which of them.
        after: where the page begins.
        limit: messages at most.

    Raises:
        RequestRefusedError: `after` is not the key of a page.
    """
    found: list[MessageInfo] = []
    arguments = arguments_of(broker, queue)
    for _ in range(MAX_PAGES):
        wanted = limit - len(found)
        try:
            page = await broker.messages(state, where=where, after=after, limit=wanted, **arguments)
        except ValueError as error:
            raise RequestRefusedError(status=400, reason="There is no such page.") from error
        found += page.messages
        after = page.after
        if after is None or len(found) >= limit:
            break
    return MessagePage(found, after)


async def find_message(broker: AsyncBroker, task_id: str) -> MessageInfo | None:
    """Return the message of a task, with its bytes; None if it is not in the first queues."""
    where = MessageFilter(task_id=task_id)
    for queue in (await queue_names(broker))[:MAX_QUEUES]:
        arguments = arguments_of(broker, queue)
        for state in MessageState:
            after: str | None = None
            for _ in range(MAX_PAGES):
                page = await broker.messages(
                    state, where=where, after=after, limit=1, with_body=True, **arguments
                )
                if page.messages:
                    return page.messages[0]
                after = page.after
                if after is None:
                    break
    return None
