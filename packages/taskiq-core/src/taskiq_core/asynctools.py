"""Awaiting values that may be plain, and yielding to the event loop."""

import inspect
import types
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, TypeVar

_T = TypeVar("_T")


async def maybe_awaitable(possible_coroutine: _T | Coroutine[Any, Any, _T] | Awaitable[_T]) -> _T:
    """Return the value, awaited if it is awaitable."""
    if inspect.isawaitable(possible_coroutine):
        return await possible_coroutine
    return possible_coroutine


@types.coroutine
def one_turn() -> Generator[None, None, None]:
    """Let the event loop run once: what `asyncio.sleep(0)` does, without its wrapper."""
    yield
