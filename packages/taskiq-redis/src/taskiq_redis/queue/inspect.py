"""Inspecting: pages of messages, found by key."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Final

from taskiq_core.messages.message_info import (
    MessageFilter,
    MessageInfo,
    MessagePage,
    MessageState,
)
from taskiq_redis.queue.codec import dead_letter, moment_of, read_extras, shown, task_id_of
from taskiq_redis.queue.store import QueueStore
from taskiq_redis.storage.connection import Argument

MAX_LOOKED: Final = 1_000
"""Dead letters that are looked through for one page."""
LETTERS: Final = 100
"""Dead letters of one command."""
_ANY: Final = re.compile(rb".+", re.DOTALL)
"""The id of a message, where messages are looked up."""
_CURSORS: Final = {
    MessageState.WAITING: re.compile(rb"(r\d{1,15}|[hl][^ \n]{1,30}) .*", re.DOTALL),
    MessageState.DELAYED: re.compile(rb"[^ \n]{1,30} .*", re.DOTALL),
    MessageState.DELIVERED: re.compile(rb"\d{1,20}"),
    MessageState.DEAD: re.compile(rb"\d{1,20}-\d{1,20}"),
}


async def page_of_messages(
    store: QueueStore,
    state: MessageState,
    *,
    queue: str | None,
    where: MessageFilter,
    after: str | None,
    limit: int,
    with_body: bool,
) -> MessagePage:
    """Return a page of messages; see `QueueAdmin.messages` for the arguments."""
    is_looked_up = state is not MessageState.DEAD and where != MessageFilter(where.task_name)
    pattern = _ANY if is_looked_up else _CURSORS[state]
    cursor = b"" if after is None else _cursor_of(after, state, pattern)
    keys = store.keys_of_one(queue)
    name = queue or store.name
    limit = max(limit, 1)
    if state is MessageState.DEAD:
        return await _dead(store, name, where, cursor, limit, with_body=with_body)
    filters: list[Argument] = []
    for wanted in (where.task_name, where.task_id, where.unique_key):
        filters += (int(wanted is not None), wanted or "")
    is_searched = 1
    found: list[Any] = []
    while is_searched:  # the place of the last page, among messages that have moved up
        arguments = (state.value, cursor, limit, int(with_body), *filters)
        cursor, is_searched, *found = await store.run("inspect", *arguments, keys=keys)
    messages = [_info(each, state, name, with_body=with_body) for each in found]
    return MessagePage(messages, _key_of(cursor) if cursor else None)


def _info(found: Sequence[Any], state: MessageState, queue: str, *, with_body: bool) -> MessageInfo:
    """Return a message of the reply of the script `inspect`."""
    cursor, message_id, task_name, size, attempt, due, lease, owner, priority, key, body = found
    return MessageInfo(
        key=_key_of(cursor),
        task_id=task_id_of(message_id),
        task_name=shown(task_name),
        queue=queue,
        state=state,
        size=size,
        attempt=attempt,
        due_at=moment_of(float(due)) if due else None,
        owner=shown(owner) or None,
        lease_until=moment_of(float(lease)) if lease else None,
        priority=int(float(priority)),
        unique_key=None if key is None else shown(key),
        body=body if with_body else None,
    )


async def _dead(
    store: QueueStore,
    queue: str,
    where: MessageFilter,
    cursor: bytes,
    limit: int,
    *,
    with_body: bool,
) -> MessagePage:
    """Return a page of the dead letters."""
    key = f"{store.base_of(queue)}:dead"
    messages: list[MessageInfo] = []
    looked = 0
    while looked < MAX_LOOKED:
        start = b"(" + cursor if cursor else b"-"
        found = await store.connection.call("XRANGE", key, start, "+", "COUNT", LETTERS)
        for letter_id, fields in found:
            cursor = letter_id
            message = _dead_info(letter_id, fields, queue, with_body=with_body)
            if where.accepts(message):
                messages.append(message)
            if len(messages) == limit:
                return MessagePage(messages, _key_of(cursor))
        if len(found) < LETTERS:
            return MessagePage(messages)
        looked += len(found)
    return MessagePage(messages, _key_of(cursor))


def _dead_info(
    letter_id: bytes, fields: Sequence[bytes], queue: str, *, with_body: bool
) -> MessageInfo:
    extras = read_extras(fields)
    return MessageInfo.of_dead_letter(
        dead_letter(letter_id, fields),
        key=_key_of(letter_id),
        queue=queue,
        with_body=with_body,
        priority=extras.get("priority", 0),
        unique_key=extras.get("unique_key"),
    )


def _key_of(cursor: bytes) -> str:
    """Return a cursor as text: ids of messages may be any bytes."""
    return urlsafe_b64encode(cursor).decode()


def _cursor_of(after: str, state: MessageState, pattern: re.Pattern[bytes]) -> bytes:
    """Return the cursor of a key; raises ValueError for a text that is not a key of that state."""
    try:
        cursor = urlsafe_b64decode(after.encode())
    except ValueError:
        cursor = b""
    if pattern.fullmatch(cursor) is None:
        raise ValueError(f"{after!r} is not the key of a page of {state.value} messages")
    return cursor
