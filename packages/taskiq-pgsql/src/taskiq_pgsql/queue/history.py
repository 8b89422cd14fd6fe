"""History: deliveries that have ended, and counters by task and minute."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from taskiq_core.loggers import get_logger
from taskiq_core.messages.history import (
    DeliveryEnd,
    DeliveryRecord,
    HistoryOptions,
    HistoryPage,
    MinuteCounters,
)
from taskiq_pgsql.queue.settle import kept
from taskiq_pgsql.storage.connection import HeldTransaction, Record
from taskiq_pgsql.storage.database import PostgresDatabase

logger = get_logger(__name__)

MAX_PAGE: Final = 1_000
"""Deliveries of one page."""
LOOK_THROUGH: Final = 2_000
"""Deliveries that one page of a filter looks through."""
LONGEST_KEY: Final = 18
"""Digits of the key of a page at most."""

ADD: Final = """
INSERT INTO {s}.history (task_id, task_name, ending, added_at, body)
SELECT id, name, ending, statement_timestamp(), body
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY
    AS new(id, name, ending, body, number) ORDER BY number
"""
DROP_OLD: Final = """
DELETE FROM {s}.history WHERE id IN (
    SELECT id FROM {s}.history
    WHERE added_at <= statement_timestamp() - make_interval(secs => $1)
    ORDER BY added_at LIMIT $2)
"""
DROP_MANY: Final = """
DELETE FROM {s}.history WHERE id IN (
    SELECT id FROM {s}.history
    WHERE id <= (SELECT id FROM {s}.history ORDER BY id DESC OFFSET $1 LIMIT 1)
    ORDER BY id LIMIT $2)
"""
COUNTED: Final = """
SELECT body FROM {s}.minute_counters
WHERE minute = $1 AND md5(task_name)::uuid = md5($2)::uuid FOR UPDATE
"""
COUNT: Final = """
INSERT INTO {s}.minute_counters (minute, task_name, body) VALUES ($1, $2, $3)
ON CONFLICT (minute, (md5(task_name)::uuid)) DO UPDATE SET body = excluded.body
"""
# Two workers that add to the counters of a new minute would both find none.
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1, 1))"
DROP_COUNTERS: Final = """
DELETE FROM {s}.minute_counters
WHERE minute < statement_timestamp() - make_interval(secs => $1)
"""
_PAGE: Final = """
SELECT id, task_name, ending, body FROM {s}.history WHERE id < $1 {condition}
ORDER BY id DESC LIMIT $2
"""
PAGE: Final = _PAGE.replace("{condition}", "")
PAGE_OF_TASK: Final = _PAGE.replace("{condition}", "AND task_id = $3")
COUNTERS: Final = """
SELECT body FROM {s}.minute_counters WHERE minute >= $1 ORDER BY minute, task_name
"""


async def add_history(
    database: PostgresDatabase,
    options: HistoryOptions,
    deliveries: Sequence[DeliveryRecord],
    counters: Sequence[MinuteCounters],
) -> None:
    """Keep deliveries and add up counters, in one transaction; drop what is too old or too much.

    Args:
        database: where they are kept.
        options: how many, and for how long.
        deliveries: the oldest first.
        counters: of minutes and tasks.
    """
    async with database.connections.main.transaction() as transaction:
        if deliveries:
            bodies = [each.model_dump_json(exclude={"key"}) for each in deliveries]
            ids = [kept(each.task_id) for each in deliveries]
            names = [kept(each.task_name) for each in deliveries]
            ends = [each.end.value for each in deliveries]
            await transaction.fetch(ADD, ids, names, ends, bodies)
            dropped = 1_000 + len(deliveries)
            await transaction.fetch(DROP_OLD, options.max_age, dropped)
            await transaction.fetch(DROP_MANY, options.max_deliveries, dropped)
        if counters:
            await transaction.fetch(LOCK, f"counters of taskiq {database.server.schema}")
            for each in counters:
                await _count(transaction, each)
            await transaction.fetch(DROP_COUNTERS, options.counters_age)


async def deliveries_of_past(
    database: PostgresDatabase,
    *,
    task_name: str | None,
    task_id: str | None,
    end: DeliveryEnd | None,
    after: str | None,
    limit: int,
) -> HistoryPage:
    """Return a page of deliveries; see `HistoryStore.deliveries_of_past` for the arguments."""
    last = _parse_key(after)
    limit = max(1, min(limit, MAX_PAGE))
    is_filtered = task_name is not None or end is not None
    look = LOOK_THROUGH if is_filtered else limit
    if task_id is None:
        rows = await database.fetch(PAGE, last, look + 1)
    else:
        rows = await database.fetch(PAGE_OF_TASK, last, look + 1, kept(task_id))
    found: list[DeliveryRecord] = []
    for position, row in enumerate(rows[:look], start=1):
        is_wanted = task_name in (None, row["task_name"]) and end in (None, row["ending"])
        record = _record(row) if is_wanted else None
        if record is not None:
            found.append(record)
        if len(found) == limit or position == look:
            is_last = position == len(rows)
            return HistoryPage(deliveries=found, after=None if is_last else str(row["id"]))
    return HistoryPage(deliveries=found)


async def minute_counters(
    database: PostgresDatabase, *, since: datetime, task_name: str | None
) -> Sequence[MinuteCounters]:
    """Return counters by minute and task; see `HistoryStore.minute_counters`."""
    rows = await database.fetch(COUNTERS, since.replace(second=0, microsecond=0))
    found = (_counters(row["body"]) for row in rows)
    return [each for each in found if each is not None and task_name in (None, each.task_name)]


async def _count(transaction: HeldTransaction, counters: MinuteCounters) -> None:
    name = kept(counters.task_name)
    rows = await transaction.fetch(COUNTED, counters.minute, name)
    before = _counters(rows[0]["body"]) if rows else None
    total = counters if before is None else before.plus(counters)
    await transaction.fetch(COUNT, counters.minute, name, kept(total.model_dump_json()))


def _parse_key(after: str | None) -> int:
    if after is None:
        return 2**62
    if not (after.isascii() and after.isdecimal() and len(after) <= LONGEST_KEY):
        raise ValueError(f"{after!r} is not the key of a page")
    return int(after)


def _record(row: Record) -> DeliveryRecord | None:
    """Return a stored delivery; None, and a warning, if it can't be read."""
    try:
        record = DeliveryRecord.model_validate_json(row["body"])
    except ValidationError as error:
        logger.warning("The record %s of the history can't be read: %s", row["id"], error)
        return None
    return record.model_copy(update={"key": str(row["id"])})


def _counters(body: str) -> MinuteCounters | None:
    try:
        return MinuteCounters.model_validate_json(body)
    except ValidationError as error:
        logger.warning("Counters of the history can't be read: %s", error)
        return None
