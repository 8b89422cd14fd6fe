"""The dependencies of one run of a task: resolved before it, torn down after it."""

from types import TracebackType
from typing import Any

from taskiq_dependencies import DependencyGraph
from taskiq_dependencies.ctx import AsyncResolveContext

from taskiq_core.client.context import Context
from taskiq_core.state import TaskiqState


class DependencyScope:
    """An async context manager around one run, whose value are the resolved keyword arguments.

    Every run gets a context of its own: nothing that one task puts there is seen by another.
    Generators see every exception of the task, also `NoResultError`, a requeue and a rejection, so
    that a session is rolled back.

    Args:
        graph: the dependencies of the function.
        context: what the run can know of itself.
        propagate: whether dependencies see the exception of the task.
    """

    __slots__ = ("_resolving",)

    def __init__(self, graph: DependencyGraph, context: Context, *, propagate: bool) -> None:
        broker = context.broker
        values: dict[Any, Any] = {
            TaskiqState: broker.state,
            **broker.custom_dependency_context,
            Context: context,
        }
        self._resolving: AsyncResolveContext = graph.async_ctx(
            values,
            broker.dependency_overrides or None,
            exception_propagation=propagate,
        )

    async def __aenter__(self) -> dict[str, Any]:
        try:
            return await self._resolving.resolve_kwargs()
        except BaseException as error:
            await self._resolving.close(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._resolving.close(kind, error, trace)
