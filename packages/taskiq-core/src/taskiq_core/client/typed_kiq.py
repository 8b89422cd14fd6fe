"""The type of `kiq`: the parameters of the task's function, and a handle of its result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from taskiq_core.client.task import AsyncTaskiqTask

_T = TypeVar("_T")
_FuncParams = ParamSpec("_FuncParams")
_ReturnType_co = TypeVar("_ReturnType_co", covariant=True)


class Kiq(Protocol[_FuncParams, _T]):
    """The bound method `kiq` of one task. Type checkers name it in their errors."""

    async def __call__(
        self, *args: _FuncParams.args, **kwargs: _FuncParams.kwargs
    ) -> AsyncTaskiqTask[_T]:
        """Send a call of the function to a worker."""
        ...


class _KiqMethod(Protocol):
    # The overloads are those of looking the method up, which succeeds for every task. Overloads of
    # the method itself would turn each wrong argument into "no overload matches".
    @overload
    def __get__(
        self, task: Sendable[_FuncParams, Coroutine[Any, Any, _T]], owner: type | None = None
    ) -> Kiq[_FuncParams, _T]: ...

    @overload
    def __get__(
        self, task: Sendable[_FuncParams, _ReturnType_co], owner: type | None = None
    ) -> Kiq[_FuncParams, _ReturnType_co]: ...

    @overload
    def __get__(self, task: None, owner: type) -> Callable[..., Coroutine[Any, Any, Any]]: ...


class Sendable(Generic[_FuncParams, _ReturnType_co]):
    """Base of everything with a `kiq`: it carries the types of a task's function.

    Attributes:
        kiq: sends a call of the function to a worker.
    """

    kiq: _KiqMethod


def typed_kiq(method: Callable[..., Awaitable[AsyncTaskiqTask[Any]]]) -> _KiqMethod:
    """Return `method` unchanged, typed with the parameters and the result of the task."""
    return cast("_KiqMethod", method)
