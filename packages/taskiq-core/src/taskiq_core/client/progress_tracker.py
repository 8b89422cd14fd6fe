"""A task says how far it has come."""

from typing import Any, Generic, TypeVar

from taskiq_dependencies import Depends

from taskiq_core.client.context import Context
from taskiq_core.messages.progress import TaskProgress, TaskState

_ProgressType = TypeVar("_ProgressType")


class ProgressTracker(Generic[_ProgressType]):
    """A dependency: `tracker: ProgressTracker[int] = TaskiqDepends()`.

    The caller reads it with `await task.get_progress()`, from result backends that keep it.
    """

    def __init__(self, context: Context = Depends()) -> None:
        self.context = context

    async def set_progress(
        self,
        state: TaskState | str,
        meta: _ProgressType | None = None,
    ) -> None:
        """Say how far the task has come.

        Args:
            state: one of TaskState, or any other text.
            meta: whatever there is to say about it; plain data.
        """
        await self.context.broker.result_backend.set_progress(
            self.context.message.task_id,
            TaskProgress(state=state, meta=meta),
        )

    async def get_progress(self) -> TaskProgress[Any] | None:
        """What was said last."""
        backend = self.context.broker.result_backend
        return await backend.get_progress(self.context.message.task_id)
