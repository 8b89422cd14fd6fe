"""Pages of messages, found by key: each begins after the last message of the page before.

A row whose place in the order can't be read is left out, until a worker buries it as unreadable.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from taskiq_core.messages.message_info import MessageFilter, MessageInfo, MessagePage, MessageState
from taskiq_sqlite.queue.fetch import promote
from taskiq_sqlite.queue.states import DEFAULT, DELAYED, state_in
from taskiq_sqlite.storage.columns import moment, shown
from taskiq_sqlite.storage.transaction import Topic, Transaction, each

LOOK_THROUGH: Final = 1_000
"""Messages that one page of a filter looks through."""
MAX_PAGE: Final = 1_000
"""Messages of one page."""

MOVE_TO_NOW: Final = """
UPDATE messages SET state = state - 1, due = ?1 WHERE task_id = ?2 AND state = ?3 AND queue = ?4
"""
_QUERY: Final = "SELECT {columns} FROM {table} WHERE {conditions} ORDER BY {order} LIMIT :limit"
_BODY: Final = "SELECT CAST(body AS BLOB) FROM {table} WHERE id = ?"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The messages that are wanted; `QueueAdmin.messages` explains them.

    Attributes:
        state: where they are.
        queue: of the messages, as it is stored.
        queue_name: the name of that queue.
        where: which of them.
        after: the key of the page before.
        limit: of the page.
        with_body: whether the bytes are read, too.
    """

    state: MessageState
    queue: str
    queue_name: str
    where: MessageFilter
    after: str | None
    limit: int
    with_body: bool


@dataclass(frozen=True, slots=True)
class Move:
    """A delayed message that is to be due now."""

    task_id: str
    queue: str


@dataclass(frozen=True, slots=True)
class _Listing:
    """How the messages of one state are found in their order.

    Attributes:
        table: of the messages.
        default: the condition for the default queue; partial indexes need the number in it.
        named: the condition for another queue.
        order: the columns of the order, with the table: a result may have the name of a column.
        key: the columns of a key.
        after: conditions for what follows a key, one for each step.
        sound: the condition for rows whose place can be read.
    """

    table: str
    default: str
    named: str
    order: str
    key: tuple[str, ...]
    after: tuple[str, ...]
    sound: str = "1"


_BY_ID: Final = ("id > :k0",)
_LISTINGS: Final[Mapping[MessageState, _Listing]] = {
    MessageState.WAITING: _Listing(
        table="messages",
        default="state = 0",
        named="state = 3 AND queue = :queue",
        order="messages.aborted DESC, messages.priority DESC, messages.due, messages.id",
        key=("aborted", "priority", "due", "id"),
        after=(
            "aborted = :k0 AND priority = :k1 AND (due, id) > (:k2, :k3)",
            "aborted = :k0 AND priority < :k1",
            "aborted < :k0",
        ),
        sound="typeof(priority) = 'integer' AND typeof(due) = 'real'",
    ),
    MessageState.DELAYED: _Listing(
        table="messages",
        default="state = 1",
        named="state = 4 AND queue = :queue",
        order="messages.due, messages.id",
        key=("due", "id"),
        after=("(due, id) > (:k0, :k1)",),
        sound="typeof(due) = 'real'",
    ),
    MessageState.DELIVERED: _Listing(
        table="messages",
        default="state = 2",
        named="state = 5 AND queue = :queue",
        order="id",
        key=("id",),
        after=_BY_ID,
    ),
    MessageState.DEAD: _Listing(
        table="dead_letters",
        default="queue = :queue",
        named="queue = :queue",
        order="id",
        key=("id",),
        after=_BY_ID,
    ),
}
_INDEXES: Final = {
    ("messages", "task_id"): "messages_by_task",
    ("messages", "unique_key"): "messages_unique",
    ("dead_letters", "task_id"): "dead_letters_by_task",
    ("dead_letters", "unique_key"): "dead_letters_by_key",
}


@each
def page(transaction: Transaction, request: PageRequest) -> MessagePage:
    """Return a page; delayed messages that are due are waiting ones from then on."""
    promote(transaction, request.queue)
    listing, where = _LISTINGS[request.state], request.where
    limit = max(1, min(request.limit, MAX_PAGE))
    look = limit if where == MessageFilter() else LOOK_THROUGH
    rows = _rows(transaction, request, look + 1)
    found: list[MessageInfo] = []
    last = 0
    for row in rows[:look]:
        last += 1
        message = _info(row, request)
        if where.accepts(message):
            found.append(
                _with_body(transaction, listing, message) if request.with_body else message
            )
        if len(found) == limit:
            break
    return MessagePage(found, after=_key(rows[last - 1], listing) if last < len(rows) else None)


@each
def move_to_now(transaction: Transaction, item: Move) -> bool:
    """Have a delayed message wait, if there is one."""
    values = (transaction.now, item.task_id, state_in(item.queue, DELAYED), item.queue)
    count = transaction.execute(MOVE_TO_NOW, values)
    if not count:
        return False
    transaction.count(item.queue, delayed=-count)
    transaction.notify(Topic.MESSAGES)
    return True


def parse_key(state: MessageState, after: str | None) -> list[float] | None:
    """Read the key of a page; None for the first page.

    Raises:
        ValueError: it is not the key of a page of this state.
    """
    if after is None:
        return None
    try:
        values = json.loads(after)
    except ValueError:
        values = None
    size = len(_LISTINGS[state].key)
    found: list[float] = values if isinstance(values, list) else []
    if len(found) != size or not all(type(value) in (int, float) for value in found):
        raise ValueError(f"{after!r} is not the key of a page of {state.value} messages")
    return found


def statements(request: PageRequest) -> list[str]:
    """Return the queries of a page, which are asked one after the other until it is full."""
    listing, where = _LISTINGS[request.state], request.where
    column = "task_id" if where.task_id is not None else "unique_key"
    is_lookup = where.task_id is not None or where.unique_key is not None
    conditions = [listing.default if request.queue == DEFAULT else listing.named, listing.sound]
    table = listing.table
    if is_lookup:
        table += f" INDEXED BY {_INDEXES[table, column]}"
        conditions.append(f"{column} = :{column}")
    steps = ("1",) if request.after is None else listing.after
    return [
        _QUERY.format(
            columns=_columns(listing),
            table=table,
            conditions=" AND ".join([*conditions, step]),
            order=listing.order,
        )
        for step in steps
    ]


def _columns(listing: _Listing) -> str:
    """Return the columns of a listing; one that is not a number where it should be is NULL."""

    def number(name: str) -> str:
        return f"iif(typeof({name}) IN ('integer', 'real'), {name}, NULL)"

    columns = {
        **{f"key_{place}": column for place, column in enumerate(listing.key)},
        "task_id": "CAST(task_id AS BLOB)",
        "task_name": "CAST(task_name AS BLOB)",
        "unique_key": "CAST(unique_key AS BLOB)",
        "size": "length(body)",
        **{name: number(name) for name in ("attempt", "sent_at", "priority")},
    }
    if listing.table == "messages":
        columns |= {name: number(name) for name in ("due", "lease_until")}
        columns["owner"] = "CAST(owner AS BLOB)"
    else:
        columns |= {name: f"CAST({name} AS BLOB)" for name in ("reason", "error")}
    return ", ".join(f"{expression} AS {name}" for name, expression in columns.items())


def _rows(transaction: Transaction, request: PageRequest, limit: int) -> list[dict[str, Any]]:
    key = parse_key(request.state, request.after) or []
    values: dict[str, Any] = {f"k{number}": value for number, value in enumerate(key)}
    values |= {
        "queue": request.queue,
        "task_id": request.where.task_id,
        "unique_key": request.where.unique_key,
    }
    rows: list[dict[str, Any]] = []
    for statement in statements(request):
        rows += transaction.records(statement, {**values, "limit": limit - len(rows)})
        if len(rows) >= limit:
            break
    return rows


def _info(row: Mapping[str, Any], request: PageRequest) -> MessageInfo:
    return MessageInfo(
        key=_key(row, _LISTINGS[request.state]),
        task_id=shown(row["task_id"]),
        task_name=shown(row["task_name"]),
        queue=request.queue_name,
        state=request.state,
        size=row["size"] or 0,
        attempt=int(row["attempt"] or 0),
        sent_at=_moment(row["sent_at"]),
        due_at=_moment(row["due"]) if request.state is MessageState.DELAYED else None,
        owner=_text(row.get("owner")) if request.state is MessageState.DELIVERED else None,
        lease_until=_moment(row.get("lease_until")),
        priority=int(row["priority"] or 0),
        unique_key=_text(row["unique_key"]),
        reason=_text(row.get("reason")),
        error=_text(row.get("error")),
    )


def _key(row: Mapping[str, Any], listing: _Listing) -> str:
    # Not by SQLite's JSON, which writes fewer digits than a number has.
    return json.dumps([row[f"key_{place}"] for place in range(len(listing.key))])


def _with_body(transaction: Transaction, listing: _Listing, message: MessageInfo) -> MessageInfo:
    message_id = json.loads(message.key)[-1]
    statement = _BODY.format(table=listing.table)
    return replace(message, body=transaction.value(statement, (message_id,)))


def _text(found: bytes | None) -> str | None:
    return None if found is None else shown(found)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)
