"""The life of a task as server-sent events."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from pydantic import BaseModel

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.messages.result import TaskiqResult

INTERVAL: Final = 0.5
"""Seconds between two looks at the progress of a task."""
LONGEST: Final = 300.0
"""Seconds after which a stream ends; browsers open it again."""


async def task_events(
    backend: AsyncResultBackend[Any],
    task_id: str,
    *,
    seen: str | None,
    show: Callable[[str, TaskiqResult[Any]], BaseModel],
) -> AsyncIterator[str]:
    """Yield the progress of a task whenever it has changed, and its result at the end.

    An event's id is a digest of what it says: after a reconnection nothing is repeated.

    Args:
        backend: has the result.
        task_id: of the task.
        seen: the id of the last event that the client has got.
        show: makes what clients see of a result.
    """
    waiting = asyncio.create_task(_wait(backend, task_id))
    ends = asyncio.get_running_loop().time() + LONGEST
    try:
        while asyncio.get_running_loop().time() < ends:
            done, _ = await asyncio.wait({waiting}, timeout=INTERVAL)
            progress = await backend.get_progress(task_id)
            if progress is not None:
                text = progress.model_dump_json()
                if (digest := _digest(text)) != seen:
                    seen = digest
                    yield _event("progress", digest, text)
            if done:
                shown = show(task_id, waiting.result())
                yield _event("result", event_id(shown), shown.model_dump_json())
                return
            yield ": waiting\n\n"
    finally:
        waiting.cancel()


def event_id(shown: BaseModel) -> str:
    """Return the id of the event that tells a result."""
    return _digest(shown.model_dump_json())


async def _wait(backend: AsyncResultBackend[Any], task_id: str) -> TaskiqResult[Any]:
    return await backend.wait(task_id, check_interval=INTERVAL)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()


def _event(name: str, event_id: str, data: str) -> str:
    return f"event: {name}\nid: {event_id}\ndata: {json.dumps(json.loads(data))}\n\n"
