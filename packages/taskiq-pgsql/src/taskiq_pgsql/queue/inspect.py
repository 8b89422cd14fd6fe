"""Inspecting: pages of messages, found by key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from taskiq_core.messages.message_info import (
    MessageFilter,
    MessageInfo,
    MessagePage,
    MessageState,
)
from taskiq_pgsql.queue.fetch import PROMOTE
from taskiq_pgsql.storage.connection import Record
from taskiq_pgsql.storage.database import PostgresDatabase

MAX_PAGE: Final = 1_000
"""Messages of one page."""
LOOK_THROUGH: Final = 1_000
"""Messages that one page of a filter looks through."""
LARGEST: Final = 253_402_300_799_999_999
"""Highest number of a key: microseconds since the epoch at the end of the year 9999."""
EARLIEST: Final = -(10**15)
"""A moment before all others."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """How the messages of one state are found in their order.

    Attributes:
        state: the condition for the state.
        order: the columns of the order.
        key: the number in a key that comes before the id; None where the id alone is the order.
        after: the condition for what follows a key.
        columns: what is read beside the columns that all have.
        table: of the messages.
    """

    state: str
    order: str
    key: str | None
    after: str
    columns: str
    table: str = "messages"


_COMMON: Final = """
id, task_id, task_name, octet_length(body) AS size, attempt, sent_at, -rank AS priority, unique_key
"""
_LISTINGS: Final[Mapping[MessageState, _Listing]] = {
    MessageState.WAITING: _Listing(
        "state = 0", "queue, rank, id", "rank", "(rank, id) > ($3, $4)", ""
    ),
    MessageState.DELAYED: _Listing(
        "state = 1",
        "queue, due, id",
        "(extract(epoch FROM due) * 1000000)::bigint",
        "(due, id) > (timestamptz 'epoch' + $3 * interval '1 microsecond', $4)",
        ", due",
    ),
    MessageState.DELIVERED: _Listing(
        "state = 2", "queue, id", None, "id > $4", ", owner, lease_until"
    ),
    MessageState.DEAD: _Listing(
        "true", "queue, id", None, "id > $4", ", reason, error", "dead_letters"
    ),
}
_PAGE: Final = """
SELECT {columns} FROM {s}.{table} WHERE {state} AND queue = $1 AND {after} AND {filter}
ORDER BY {order} LIMIT $2
"""


async def page_of_messages(
    database: PostgresDatabase,
    state: MessageState,
    *,
    queue: str,
    where: MessageFilter,
    after: str | None,
    limit: int,
    with_body: bool,
) -> MessagePage:
    """Return a page of messages; see `QueueAdmin.messages` for the arguments.

    Delayed messages that are due are waiting ones from then on.
    """
    first, last_id = _parse_key(after, state)
    if "\0" in f"{where.task_id}{where.unique_key}":
        return MessagePage([])
    if state in (MessageState.WAITING, MessageState.DELAYED):
        await database.fetch(PROMOTE, [queue])
    limit = max(1, min(limit, MAX_PAGE))
    look = limit if where == MessageFilter() else LOOK_THROUGH
    statement, values = _statement(state, where, with_body=with_body)
    rows = await database.fetch(statement, queue, look + 1, first, last_id, *values)
    found: list[MessageInfo] = []
    for position, row in enumerate(rows[:look], start=1):
        message = _info(row, state, queue)
        if where.accepts(message):
            found.append(message)
        if len(found) == limit or position == look:
            return MessagePage(found, None if position == len(rows) else message.key)
    return MessagePage(found)


def _statement(
    state: MessageState, where: MessageFilter, *, with_body: bool
) -> tuple[str, list[str]]:
    """Return the query of a page, and its parameters from the fifth on."""
    listing = _LISTINGS[state]
    values: list[str] = []
    # The parameters that a listing does not use need a type all the same.
    wanted = ["$3::bigint IS NOT NULL AND $4::bigint IS NOT NULL"]
    if where.task_id is not None:
        values.append(where.task_id)
        wanted.append(f"task_id = ${4 + len(values)}")
    if where.unique_key is not None:
        values.append(where.unique_key)
        wanted.append(f"unique_key = ${4 + len(values)}")
        if listing.table == "messages":
            wanted.append(f"md5(unique_key)::uuid = md5(${4 + len(values)})::uuid")
    key = f", {listing.key} AS key" if listing.key else ""
    columns = _COMMON + listing.columns + key + (", body" if with_body else "")
    parts = {
        "columns": columns,
        "table": listing.table,
        "state": listing.state,
        "after": listing.after,
        "filter": " AND ".join(wanted),
        "order": listing.order,
    }
    statement = _PAGE
    for name, part in parts.items():
        statement = statement.replace(f"{{{name}}}", part)
    return statement, values


def _parse_key(after: str | None, state: MessageState) -> tuple[int, int]:
    """Return the two numbers of a key; raises ValueError for another text."""
    listing = _LISTINGS[state]
    if after is None:
        return -(2**31) if state is MessageState.WAITING else EARLIEST, 0
    try:
        values = json.loads(after)
    except (ValueError, RecursionError):
        values = None
    found: list[Any] = values if isinstance(values, list) else []
    size = 1 if listing.key is None else 2
    if len(found) != size or not all(type(each) is int and abs(each) <= LARGEST for each in found):
        raise ValueError(f"{after!r} is not the key of a page of {state.value} messages")
    return (0, found[0]) if listing.key is None else (found[0], found[1])


def _info(row: Record, state: MessageState, queue: str) -> MessageInfo:
    key = [row["id"]] if _LISTINGS[state].key is None else [row["key"], row["id"]]
    return MessageInfo(
        key=json.dumps(key),
        task_id=row["task_id"],
        task_name=row["task_name"],
        queue=queue,
        state=state,
        size=row["size"],
        attempt=row["attempt"],
        sent_at=row["sent_at"],
        due_at=row.get("due"),
        owner=row.get("owner"),
        lease_until=row.get("lease_until"),
        priority=row["priority"],
        unique_key=row["unique_key"],
        reason=row.get("reason"),
        error=row.get("error"),
        body=row.get("body"),
    )
