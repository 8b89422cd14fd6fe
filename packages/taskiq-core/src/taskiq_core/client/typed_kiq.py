"""The type of `kiq`: the parameters of the task's function, and a handle of its result."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

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


# mypy and pyright differ on the variance, as one overload narrows `self`.
class KiqMethod(Protocol[_FuncParams, _ReturnType_co]):  # pyright: ignore[reportInvalidTypeVarUse]
    """The method `kiq` of a class, for type checkers."""

    # The overloads are those of looking the method up, which succeeds for every task. Overloads of
    # the method itself would turn each wrong argument into "no overload matches".
    @overload
    def __get__(
        self: KiqMethod[_FuncParams, Coroutine[Any, Any, _T]],
        task: object,
        owner: type | None = None,
    ) -> Kiq[_FuncParams, _T]: ...

    @overload
    def __get__(
        self, task: object, owner: type | None = None
    ) -> Kiq[_FuncParams, _ReturnType_co]: ...


class Sendable(Generic[_FuncParams, _ReturnType_co]):
    """Base of everything with a `kiq`: it carries the types of a task's function.

    Attributes:
        kiq: sends a call of the function to a worker.
    """

    kiq: KiqMethod[_FuncParams, _ReturnType_co]


def typed_kiq(
    method: Callable[
        Concatenate[Any, _FuncParams], Coroutine[Any, Any, AsyncTaskiqTask[_ReturnType_co]]
    ],
) -> KiqMethod[_FuncParams, _ReturnType_co]:
    """Return `method` unchanged, typed as an attribute that the types of the task decide on."""
    return cast("KiqMethod[_FuncParams, _ReturnType_co]", method)
