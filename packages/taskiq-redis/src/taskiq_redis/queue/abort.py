"""Aborting: messages are marked, and the workers that run them are notified."""

from collections.abc import AsyncGenerator
from typing import Final

from taskiq_core.messages.aborts import AbortState
from taskiq_redis.queue.codec import shown
from taskiq_redis.queue.store import QueueStore
from taskiq_redis.storage.pubsub import Subscription

STATES: Final = (AbortState.UNKNOWN, AbortState.QUEUED, AbortState.RUNNING)
"""By the numbers that the script `abort` returns."""


async def request_abort(store: QueueStore, task_id: str) -> AbortState:
    """Mark the messages of a task as aborted, and say where they are."""
    return STATES[int(await store.run("abort", task_id))]


async def aborts(store: QueueStore) -> AsyncGenerator[str, None]:
    """Yield the ids of running tasks that are marked as aborted, now or later."""
    channel = f"{store.base}:aborts"
    async with Subscription(store.server, channel, timeout=store.timeout) as notices:
        for marked in await store.run("aborted"):
            yield shown(marked)
        async for _, task_id in notices:
            if task_id is not None:
                yield shown(task_id)
