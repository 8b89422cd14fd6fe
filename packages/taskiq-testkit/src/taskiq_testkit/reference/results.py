"""ReferenceResultBackend: the contract of result backends as a program."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.exceptions import ResultGetError
from taskiq_core.messages.labels import FENCE
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult

_ReturnType = TypeVar("_ReturnType")


class ReferenceResultBackend(AsyncResultBackend[_ReturnType]):
    """Keeps results in this object, serialized as if they went elsewhere."""

    def __init__(self) -> None:
        self.results: dict[str, str] = {}
        self.fences: dict[str, int] = {}
        self.progress: dict[str, str] = {}
        self.waiting: set[tuple[str, Callable[[], None]]] = set()

    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Store a result, unless a later delivery's is stored, and wake waiting callers."""
        text = result.model_dump_json()
        fence = int(result.labels.get(FENCE, 0))
        if fence < self.fences.get(task_id, 0):
            return
        self.fences[task_id] = fence
        self.results[task_id] = text
        for awaited, wake in list(self.waiting):
            if awaited == task_id:
                wake()

    async def is_result_ready(self, task_id: str) -> bool:
        """Whether it is stored."""
        return task_id in self.results

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """The result; ResultGetError if there is none."""
        if task_id not in self.results:
            raise ResultGetError
        result = TaskiqResult[Any].model_validate_json(self.results[task_id])
        if not with_logs:
            result.log = None
        return result

    async def wait(
        self,
        task_id: str,
        *,
        check_interval: float = 0.2,
        with_logs: bool = False,
    ) -> TaskiqResult[_ReturnType]:
        """The result, as soon as it is stored."""
        arrived = asyncio.Event()
        entry = (task_id, arrived.set)
        self.waiting.add(entry)
        try:
            if not await self.is_result_ready(task_id):
                await arrived.wait()
        finally:
            self.waiting.discard(entry)
        return await self.get_result(task_id, with_logs=with_logs)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Store how far a task has come."""
        self.progress[task_id] = progress.model_dump_json()

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """How far a task has come."""
        text = self.progress.get(task_id)
        return None if text is None else TaskProgress[Any].model_validate_json(text)
