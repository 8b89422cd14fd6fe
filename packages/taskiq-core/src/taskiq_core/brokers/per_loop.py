"""PerLoop: connections belong to the event loop that opened them."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

_Value = TypeVar("_Value")


class PerLoop(Generic[_Value]):
    """One value for each event loop, made when the loop first asks for it.

    A program may use one broker in several loops: one after the other, as with `asyncio.run` in a
    script, or side by side in threads.

    Args:
        make: makes the value of a loop.
    """

    def __init__(self, make: Callable[[], _Value]) -> None:
        self._make = make
        self._values: WeakKeyDictionary[asyncio.AbstractEventLoop, _Value] = WeakKeyDictionary()

    def get(self) -> _Value:
        """Return the value of the running loop."""
        loop = asyncio.get_running_loop()
        value = self._values.get(loop)
        if value is None:
            value = self._values[loop] = self._make()
        return value

    def pop(self) -> _Value | None:
        """Return the value of the running loop and forget it; None if there is no value."""
        return self._values.pop(asyncio.get_running_loop(), None)
