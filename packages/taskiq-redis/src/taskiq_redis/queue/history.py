"""History: deliveries that have ended, and counters by task and minute."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
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
from taskiq_redis.queue.store import CHUNK, QueueStore
from taskiq_redis.storage.connection import Argument

logger = get_logger(__name__)

MAX_LOOKED: Final = 1_000
"""Deliveries that are looked through for one page."""
PAGE: Final = 100
"""Deliveries of one command."""
# What model_dump_json calls, without its handling of options.
_to_json = DeliveryRecord.__pydantic_serializer__.to_json
KEY: Final = re.compile(r"\d{1,20}-\d{1,20}")
_NAMES: Final = {"minute", "task_name"}
"""Fields of counters that are kept beside their numbers."""


async def add_history(
    store: QueueStore,
    options: HistoryOptions,
    deliveries: Sequence[DeliveryRecord],
    counters: Sequence[MinuteCounters],
) -> None:
    """Keep deliveries and add up counters, a thousand of each in one script.

    Args:
        store: where they are kept.
        options: how many, and for how long.
        deliveries: the oldest first.
        counters: of minutes and tasks.
    """
    bounds = (options.max_deliveries, options.max_age, options.counters_age)
    while deliveries or counters:
        arguments: list[Argument] = [*bounds, len(deliveries[:CHUNK])]
        arguments += map(_to_json, deliveries[:CHUNK])
        for each in counters[:CHUNK]:
            minute = int(each.minute.timestamp() * 1000)
            arguments += (minute, each.task_name, each.model_dump_json(exclude=_NAMES))
        await store.run("add_history", *arguments)
        deliveries, counters = deliveries[CHUNK:], counters[CHUNK:]


async def deliveries_of_past(
    store: QueueStore,
    *,
    task_name: str | None,
    task_id: str | None,
    end: DeliveryEnd | None,
    after: str | None,
    limit: int,
) -> HistoryPage:
    """Return a page of deliveries; see `HistoryStore.deliveries_of_past` for the arguments."""
    if after is not None and KEY.fullmatch(after) is None:
        raise ValueError(f"{after!r} is not the key of a page")
    limit = max(limit, 1)
    deliveries: list[DeliveryRecord] = []
    looked = 0
    while looked < MAX_LOOKED:
        start = "+" if after is None else f"({after}"
        page = ("XREVRANGE", f"{store.base}:history", start, "-", "COUNT", PAGE)
        found = await store.connection.call(*page)
        for key, fields in found:
            after = found_key = key.decode()
            record = _record(found_key, fields)
            if (
                record is not None
                and task_name in (None, record.task_name)
                and task_id in (None, record.task_id)
                and end in (None, record.end)
            ):
                deliveries.append(record)
            if len(deliveries) == limit:
                return HistoryPage(deliveries=deliveries, after=after)
        if len(found) < PAGE:
            return HistoryPage(deliveries=deliveries)
        looked += len(found)
    return HistoryPage(deliveries=deliveries, after=after)


async def minute_counters(
    store: QueueStore, *, since: datetime, task_name: str | None
) -> Sequence[MinuteCounters]:
    """Return counters by minute and task; see `HistoryStore.minute_counters`."""
    first = since.replace(second=0, microsecond=0).timestamp() * 1000
    found: list[MinuteCounters] = []
    offset, minutes = 0, [b""] * CHUNK
    while len(minutes) == CHUNK:
        page = ("ZRANGEBYSCORE", f"{store.base}:minutes", int(first), "+inf")
        minutes = await store.connection.call(*page, "LIMIT", offset, CHUNK)
        offset += CHUNK
        if minutes:
            texts = await store.connection.call("HMGET", f"{store.base}:counters", *minutes)
            pairs = zip(minutes, texts, strict=True)
            found += (each for each in (_counters(*pair) for pair in pairs) if each is not None)
    wanted = (each for each in found if task_name in (None, each.task_name))
    return sorted(wanted, key=lambda each: (each.minute, each.task_name))


def _record(key: str, fields: Sequence[bytes]) -> DeliveryRecord | None:
    """Return a stored delivery; None, and a warning, if it can't be read."""
    try:
        record = DeliveryRecord.model_validate_json(fields[1])
    except (ValidationError, IndexError) as error:
        logger.warning("The record %s of the history can't be read: %s", key, error)
        return None
    return record.model_copy(update={"key": key})


def _counters(minute: bytes, text: bytes | None) -> MinuteCounters | None:
    milliseconds, _, name = minute.partition(b" ")
    if text is None:
        return None
    try:
        moment = datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
        numbers = json.loads(text)
        names = {"minute": moment, "task_name": name.decode()}
        return MinuteCounters.model_validate({**numbers, **names})
    except (ValueError, TypeError, OverflowError, OSError) as error:
        logger.warning("Counters of the history can't be read: %s", error)
        return None
