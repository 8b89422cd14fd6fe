"""Functions that may or may not be coroutine functions."""

import inspect
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def maybe_awaitable(possible_coroutine: _T | Coroutine[Any, Any, _T] | Awaitable[_T]) -> _T:
    """The value itself, or what it resolves to if it is awaitable."""
    if inspect.isawaitable(possible_coroutine):
        return await possible_coroutine
    return possible_coroutine
